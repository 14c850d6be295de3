#include "model/config_private.h"

#include "base/mem.h"
#include "model/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUBSCRIPTION_NAMES_SHOWN = 5, SUBSCRIPTION_WORD_SHOWN = 64 };

static int wish_compare(const struct bc_config_wish *a, const struct bc_config_wish *b) {
  return strcmp(a->name, b->name);
}

BC_TREE(bc_config_wish_tree, bc_config_wish, link, wish_compare)
BC_TREE(bc_config_lonely_tree, bc_config_wish, lonely, wish_compare)

static void subscription_release(struct bc_config_subscription *subscription) {
  struct bc_config_wish *wish;
  while ((wish = RB_MIN(bc_config_wish_tree, &subscription->wishes)) != NULL) {
    RB_REMOVE(bc_config_wish_tree, &subscription->wishes, wish);
    free(wish);
  }
  for (size_t i = 0; i < subscription->glob_count; i++) {
    free(subscription->globs[i].pattern);
  }
  free(subscription->text);
  free(subscription->fault);
  memset(subscription, 0, sizeof *subscription);
}

void bc_config_subscription_free(struct bc_config *config) {
  subscription_release(&config->subscription);
}

/* ---- reading a value ---- */

struct subscription_reader {
  struct bc_config_subscription *to;
  char bad_word[SUBSCRIPTION_WORD_SHOWN + 1];
  size_t bad_words, good_words;
  bool too_many_globs, too_many_names;
};

static bool subscription_is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool subscription_next_word(struct bc_str *rest, struct bc_str *word) {
  while (rest->len > 0 && subscription_is_blank(rest->at[0])) {
    rest->at++;
    rest->len--;
  }
  *word = (struct bc_str){rest->at, 0};
  while (rest->len > 0 && !subscription_is_blank(rest->at[0])) {
    rest->at++;
    rest->len--;
    word->len++;
  }
  return word->len > 0;
}

static void subscription_add_glob(struct subscription_reader *reader, struct bc_str word) {
  struct bc_config_subscription *to = reader->to;
  for (size_t i = 0; i < to->glob_count; i++) {
    if (bc_str_is(word, to->globs[i].pattern)) {
      return;
    }
  }
  if (to->glob_count == BC_LIMIT_SUBSCRIBED_GLOBS) {
    reader->too_many_globs = true;
    return;
  }
  to->globs[to->glob_count].matches = 0;
  to->globs[to->glob_count++].pattern = bc_mem_copy_text(word.at, word.len);
}

static void subscription_add_name(struct subscription_reader *reader, struct bc_str word) {
  struct bc_config_subscription *to = reader->to;
  if (to->wish_count == BC_LIMIT_ROUTES) {
    reader->too_many_names = true;
    return;
  }
  struct bc_config_wish *wish = bc_mem_new(1, sizeof *wish + word.len + 1);
  wish->name = memcpy(wish + 1, word.at, word.len);
  if (RB_INSERT(bc_config_wish_tree, &to->wishes, wish) != NULL) {
    free(wish);
    return;
  }
  to->wish_count++;
}

static void subscription_add_word(struct subscription_reader *reader, struct bc_str word) {
  if (!bc_name_is_valid(word, true)) {
    if (reader->bad_words++ == 0) {
      for (size_t i = 0; i < word.len && i < SUBSCRIPTION_WORD_SHOWN; i++) {
        reader->bad_word[i] = word.at[i] > ' ' && word.at[i] <= '~' ? word.at[i] : '?';
      }
    }
    return;
  }
  reader->good_words++;
  if (memchr(word.at, '*', word.len) != NULL || memchr(word.at, '?', word.len) != NULL) {
    subscription_add_glob(reader, word);
  } else {
    subscription_add_name(reader, word);
  }
}

static char *subscription_reader_fault(const struct bc_config *config, const struct subscription_reader *reader) {
  char words[SUBSCRIPTION_WORD_SHOWN + 128] = "";
  char globs[64] = "";
  char names[64] = "";
  if (reader->bad_words > 0) {
    bool is_all = reader->good_words == 0;
    (void)snprintf(words, sizeof words, " not a route name or glob: \"%s\"", reader->bad_word);
    size_t used = strlen(words);
    if (reader->bad_words > 1) {
      (void)snprintf(words + used, sizeof words - used, " and %zu more", reader->bad_words - 1);
      used = strlen(words);
    }
    (void)snprintf(words + used, sizeof words - used, "%s", is_all ? ": nothing is taken from it" : "");
  }
  if (reader->too_many_globs) {
    (void)snprintf(globs, sizeof globs, " more than %d globs", BC_LIMIT_SUBSCRIBED_GLOBS);
  }
  if (reader->too_many_names) {
    (void)snprintf(names, sizeof names, " more than %d names", BC_LIMIT_ROUTES);
  }
  if (words[0] == '\0' && globs[0] == '\0' && names[0] == '\0') {
    return NULL;
  }
  return bc_config_text("node/%s/subscribedRoutes:%s%s%s%s%s", config->node, words,
                        words[0] != '\0' && globs[0] != '\0' ? ";" : "", globs,
                        (words[0] != '\0' || globs[0] != '\0') && names[0] != '\0' ? ";" : "", names);
}

/* ---- keeping it true ---- */

static void subscription_set_lonely(struct bc_config *config, struct bc_config_wish *wish, bool is_lonely) {
  struct bc_config_subscription *subscription = &config->subscription;
  if (wish->is_lonely == is_lonely) {
    return;
  }
  wish->is_lonely = is_lonely;
  config->node_faults_stale = true;
  if (is_lonely) {
    (void)RB_INSERT(bc_config_lonely_tree, &subscription->lonely, wish);
    subscription->lonely_count++;
  } else {
    RB_REMOVE(bc_config_lonely_tree, &subscription->lonely, wish);
    subscription->lonely_count--;
  }
}

bool bc_config_subscription_count(struct bc_config *config, const char *name, bool came) {
  struct bc_config_subscription *subscription = &config->subscription;
  struct bc_config_wish wanted = {.name = name};
  struct bc_config_wish *wish = RB_FIND(bc_config_wish_tree, &subscription->wishes, &wanted);
  bool is_wanted = wish != NULL;
  if (wish != NULL) {
    subscription_set_lonely(config, wish, !came);
  }
  struct bc_str text = bc_str_of(name);
  for (size_t i = 0; i < subscription->glob_count; i++) {
    if (bc_str_glob(bc_str_of(subscription->globs[i].pattern), text)) {
      is_wanted = true;
      subscription->globs[i].matches += came ? 1 : (size_t)-1;
      config->node_faults_stale = config->node_faults_stale || subscription->globs[i].matches < 2;
    }
  }
  return is_wanted;
}

/* One pass over all routes and one over all names. */
static void subscription_apply(struct bc_config *config) {
  struct bc_config_wish *wish;
  RB_FOREACH(wish, bc_config_wish_tree, &config->subscription.wishes) {
    subscription_set_lonely(config, wish, true);
  }
  for (struct bc_config_entry *entry = bc_config_entry_after(config, NULL); entry != NULL;
       entry = bc_config_entry_next(entry)) {
    bool is_subscribed = !entry->is_local && bc_config_subscription_count(config, entry->name, true);
    if (!entry->is_local && is_subscribed != entry->is_subscribed) {
      entry->is_subscribed = is_subscribed;
      config->counts.subscribed += is_subscribed ? 1 : (size_t)-1;
      bc_config_view_mark(config, entry);
      bc_config_identity_claim(config, entry);
    }
  }
  config->node_faults_stale = true;
}

static void subscription_refuse(struct bc_config *config, char *fault) {
  config->subscription.is_refused = true;
  bc_config_node_fault_set(config, &config->subscription.fault, fault);
}

void bc_config_subscription_put(struct bc_config *config, struct bc_config_content content) {
  struct bc_config_subscription *held = &config->subscription;
  held->is_seen = true;
  if (content.unreadable != NULL) {
    subscription_refuse(config, bc_config_text("node/%s/subscribedRoutes: %s", config->node, content.unreadable));
    return;
  }
  struct bc_str value = bc_str_trim(content.value);
  if (!held->is_refused && held->text != NULL && bc_str_is(value, held->text)) {
    return;
  }
  if (value.len == 0) {
    subscription_refuse(config, bc_config_text("node/%s/subscribedRoutes: is empty: write - for none", config->node));
    return;
  }
  if (value.len > BC_LIMIT_SUBSCRIPTION_BYTES) {
    subscription_refuse(config, bc_config_text("node/%s/subscribedRoutes: expected at most %d bytes, found %zu",
                                               config->node, BC_LIMIT_SUBSCRIPTION_BYTES, value.len));
    return;
  }
  if (memchr(value.at, '\0', value.len) != NULL) {
    subscription_refuse(config, bc_config_text("node/%s/subscribedRoutes: holds a NUL byte", config->node));
    return;
  }
  struct bc_config_subscription made = {.is_seen = true};
  struct subscription_reader reader = {.to = &made};
  struct bc_str rest = value;
  struct bc_str word;
  bool is_none = bc_str_is(value, "-");
  while (!is_none && subscription_next_word(&rest, &word)) {
    subscription_add_word(&reader, word);
  }
  char *fault = subscription_reader_fault(config, &reader);
  if (!is_none && reader.good_words == 0) {
    subscription_refuse(config, fault);
    subscription_release(&made);
    return;
  }
  made.text = bc_mem_copy_text(value.at, value.len);
  made.fault = fault;
  subscription_release(held);
  *held = made;
  subscription_apply(config);
}

void bc_config_subscription_delete(struct bc_config *config) {
  if (config->subscription.text == NULL && !config->subscription.is_refused) {
    return;
  }
  subscription_release(&config->subscription);
  subscription_apply(config);
}

char *bc_config_subscription_lonely_text(const struct bc_config *config) {
  const char *lonely[SUBSCRIPTION_NAMES_SHOWN];
  size_t count = config->subscription.lonely_count;
  size_t shown = 0;
  struct bc_config_lonely_tree tree = config->subscription.lonely;
  for (struct bc_config_wish *wish = RB_MIN(bc_config_lonely_tree, &tree);
       wish != NULL && shown < SUBSCRIPTION_NAMES_SHOWN; wish = RB_NEXT(bc_config_lonely_tree, &tree, wish)) {
    lonely[shown++] = wish->name;
  }
  for (size_t i = 0; i < config->subscription.glob_count; i++) {
    if (config->subscription.globs[i].matches == 0) {
      count++;
      if (shown < SUBSCRIPTION_NAMES_SHOWN) {
        lonely[shown++] = config->subscription.globs[i].pattern;
      }
    }
  }
  if (shown == 0) {
    return NULL;
  }
  char names[SUBSCRIPTION_NAMES_SHOWN * (BC_LIMIT_NAME_BYTES + 5)] = "";
  size_t used = 0;
  for (size_t i = 0; i < shown; i++) {
    int written = snprintf(names + used, sizeof names - used, "%s\"%s\"", i == 0 ? "" : ", ", lonely[i]);
    used += (size_t)written;
  }
  char more[32] = "";
  if (count > shown) {
    (void)snprintf(more, sizeof more, " and %zu more", count - shown);
  }
  return bc_config_text("node/%s/subscribedRoutes: no route matches %s%s", config->node, names, more);
}
