/* A route's options: their value, and what they ask for beside the route: scripts and named checks. */
#include "model/config_private.h"

#include "base/mem.h"
#include "model/ready_made.h"
#include "model/service_address.h"

#include <stdio.h>
#include <stdlib.h>

const char *bc_config_idle_text(const struct bc_ready_made *use, char to[static BC_FAULT_TEXT_BYTES]) {
  (void)snprintf(to, BC_FAULT_TEXT_BYTES,
                 "has no effect: the options choose the check \"%s\": remove it, or \"check\" from the options",
                 use->name);
  return to;
}

bool bc_config_options_has_script(const struct bc_config_entry *entry) {
  return entry->script.script != NULL && !entry->has_lost_check;
}

/* ---- in force ---- */

static void options_release(struct bc_config *config, struct bc_config_options *held) {
  if (held == NULL) {
    return;
  }
  bc_config_use_drop(config, &held->ready);
  for (unsigned i = 0; i < held->options.check_count; i++) {
    bc_config_check_unwant(config, &held->checks[i]);
  }
  bc_options_release(&held->options);
  free(held);
}

/* Takes `options` over. */
static struct bc_config_options *options_new(struct bc_config *config, struct bc_config_entry *entry,
                                             const struct bc_options *options) {
  size_t checks = options->check_count * sizeof(struct bc_config_wanted);
  struct bc_config_options *made = bc_mem_new(1, sizeof *made + checks);
  made->options = *options;
  made->entry = entry;
  if (options->use != NULL) {
    bc_config_use_set_ready(config, &made->ready, BC_CONFIG_USER_ROUTE_READY, options->use);
  }
  for (unsigned i = 0; i < options->check_count; i++) {
    bc_config_check_want(config, options->checks[i], &made->checks[i], entry);
  }
  return made;
}

/* Takes `options` over. */
static void options_install(struct bc_config *config, struct bc_config_entry *entry, struct bc_options *options) {
  if (bc_options_equal(bc_config_entry_options(config, entry), options)) {
    bc_options_release(options);
    return;
  }
  struct bc_config_options *old = entry->options;
  bool is_default = bc_options_equal(&config->default_options, options);
  entry->options = is_default ? NULL : options_new(config, entry, options);
  if (is_default) {
    bc_options_release(options);
  }
  options_release(config, old);
  bc_config_view_mark(config, entry);
}

void bc_config_options_judge_checks(struct bc_config *config, struct bc_config_entry *entry) {
  const struct bc_config_options *held = entry->options;
  const struct bc_config_check_node *missing = NULL;
  for (unsigned i = 0; held != NULL && missing == NULL && i < held->options.check_count; i++) {
    const struct bc_config_check_node *check = held->checks[i].check;
    missing = check->state == BC_CONFIG_CHECK_GOOD ? NULL : check;
  }
  if (missing == NULL) {
    bc_config_fault_clear(config, entry, BC_CONFIG_KEY_CHECKS);
    return;
  }
  bool is_absent = missing->state == BC_CONFIG_CHECK_ABSENT;
  char *text =
      bc_config_text("routes/%s/options: checks: %s %s%s", entry->name, is_absent ? "there is no check" : "the check",
                     missing->name, is_absent ? "" : " is faulty and never had a good version");
  bc_config_fault_take(config, entry, BC_CONFIG_KEY_CHECKS, text);
}

/* ---- fit for the route ---- */

/* It has a check that its options brought, and would have none: it would count as healthy. */
static bool options_take_all_checks(const struct bc_config *config, const struct bc_config_entry *entry,
                                    const struct bc_options *options) {
  bool had = bc_options_count_checks(bc_config_entry_options(config, entry), false) > 0;
  return had && !options->check_is_none && !bc_config_options_has_script(entry) &&
         bc_options_count_checks(options, false) == 0;
}

static bool options_fit(const struct bc_config *config, const struct bc_config_entry *entry,
                        const struct bc_options *options, struct bc_fault *fault) {
  if (entry->has_route && bc_service_address_check(&entry->route, options->address, fault) != BC_ERR_OK) {
    return false;
  }
  unsigned checks = bc_options_count_checks(options, bc_config_options_has_script(entry));
  if (options->combine == BC_COMBINE_AT_LEAST && options->at_least > checks) {
    bc_fault_set(fault, 0, "combine: at_least: expected at most %u, the number of checks, found %u", checks,
                 options->at_least);
    return false;
  }
  if (options_take_all_checks(config, entry, options)) {
    bc_fault_set(fault, 0, "the route would be left without a check: put another one, or \"check\": \"none\"");
    return false;
  }
  return true;
}

void bc_config_options_forget_unfit(struct bc_config *config, struct bc_config_entry *entry) {
  bc_intern_put(config->intern, entry->options_unfit);
  entry->options_unfit = NULL;
}

/* ---- values ---- */

/* `text` NULL: the key is gone. Takes `options` over. */
static void options_take(struct bc_config *config, struct bc_config_entry *entry, struct bc_options *options,
                         const char *text) {
  options_install(config, entry, options);
  bc_intern_put(config->intern, entry->options_text);
  entry->options_text = text;
  bc_config_value_unblock(entry, BC_CONFIG_KEY_OPTIONS);
  bc_config_fault_clear(config, entry, BC_CONFIG_KEY_OPTIONS);
  bc_config_options_judge_checks(config, entry);
  bc_config_value_judge_check(config, entry);
  bc_config_value_judge_route(config, entry);
}

static void options_refuse(struct bc_config *config, struct bc_config_entry *entry, const struct bc_fault *fault) {
  bc_config_value_block(entry, BC_CONFIG_KEY_OPTIONS, entry->options_text != NULL);
  bc_config_fault_set(config, entry, BC_CONFIG_KEY_OPTIONS, fault);
}

bool bc_config_options_put(struct bc_config *config, struct bc_config_entry *entry, struct bc_str value) {
  value = bc_str_trim(value);
  struct bc_options options;
  struct bc_fault fault = {0};
  bool is_held = entry->options_text != NULL && bc_str_is(value, entry->options_text);
  if (is_held && !bc_config_fault_is_set(entry, BC_CONFIG_KEY_OPTIONS)) {
    return false;
  }
  bc_config_options_forget_unfit(config, entry);
  if (bc_options_parse(value, BC_OPTIONS_OF_ROUTE, &options, &fault) != BC_ERR_OK) {
    options_refuse(config, entry, &fault);
    return true;
  }
  if (!options_fit(config, entry, &options, &fault)) {
    entry->options_unfit = bc_intern_get(config->intern, value);
    bc_options_release(&options);
    options_refuse(config, entry, &fault);
    return true;
  }
  options_take(config, entry, &options, bc_intern_get(config->intern, value));
  return true;
}

void bc_config_options_delete(struct bc_config *config, struct bc_config_entry *entry) {
  struct bc_options defaults = bc_options_default();
  bc_config_options_forget_unfit(config, entry);
  if (options_take_all_checks(config, entry, &defaults)) {
    struct bc_fault fault;
    bc_fault_set(&fault, 0, "was removed, and the check with it: put another one, or \"check\": \"none\" into options");
    entry->options_unfit = bc_intern_get(config->intern, bc_str_of(""));
    bc_config_value_unblock(entry, BC_CONFIG_KEY_OPTIONS);
    bc_config_fault_set(config, entry, BC_CONFIG_KEY_OPTIONS, &fault);
    return;
  }
  options_take(config, entry, &defaults, NULL);
}

void bc_config_options_judge(struct bc_config *config, struct bc_config_entry *entry) {
  const char *text = entry->options_unfit;
  if (text == NULL) {
    return;
  }
  entry->options_unfit = NULL;
  if (bc_config_value_is_present(entry, BC_CONFIG_KEY_OPTIONS)) {
    (void)bc_config_options_put(config, entry, bc_str_of(text));
  } else {
    bc_config_options_delete(config, entry);
  }
  bc_intern_put(config->intern, text);
}

void bc_config_options_free(struct bc_config *config, struct bc_config_entry *entry) {
  bc_intern_put(config->intern, entry->options_text);
  bc_config_options_forget_unfit(config, entry);
  options_release(config, entry->options);
}
