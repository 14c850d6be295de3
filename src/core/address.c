/* Whether the service addresses that a route wants are on this host. */
#include "core/address.h"

#include "base/mem.h"
#include "core/private.h"
#include "model/address.h"
#include "model/service_address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many routes a turn of the loop. */
enum { ADDRESS_REVIEWS_A_TURN = 1000 };

/* What is judged now, before it is compared with what was. */
struct address_verdict {
  enum bc_address_state state;
  char reason[128]; /* "" = none */
  char fault[512];
};

static bool address_is_ipv6(const struct bc_nlri *nlri) {
  return bc_family_is_ipv6((enum bc_family)nlri->family);
}

static void address_print(const struct bc_nlri *nlri, char text[static BC_ADDRESS_TEXT_BYTES]) {
  struct bc_buf to;
  bc_buf_init(&to, BC_ADDRESS_TEXT_BYTES);
  bc_address_print(nlri->address, address_is_ipv6(nlri), &to);
  (void)snprintf(text, BC_ADDRESS_TEXT_BYTES, "%s", to.data);
  bc_buf_free(&to);
}

/* ---- one NLRI ---- */

/* The worst of all counts, and of equal ones the first. */
static bool address_is_worse(enum bc_address_state a, enum bc_address_state b) {
  static const int rank[] = {
      [BC_ADDRESS_FINE] = 0, [BC_ADDRESS_COMING] = 1, [BC_ADDRESS_UNKNOWN] = 2, [BC_ADDRESS_MISSING] = 3};
  return rank[a] > rank[b];
}

static void address_say(struct address_verdict *to, enum bc_address_state state, const char *name, const char *what,
                        const char *advice) {
  if (!address_is_worse(state, to->state)) {
    return;
  }
  to->state = state;
  (void)snprintf(to->reason, sizeof to->reason, "%s", what);
  if (state == BC_ADDRESS_MISSING) {
    (void)snprintf(to->fault, sizeof to->fault, "routes/%s/options: address: %s%s%s", name, what,
                   advice[0] == '\0' ? "" : ": ", advice);
  }
}

static void address_judge_absent(const struct bc_nlri *nlri, const char *name, struct address_verdict *to) {
  char text[BC_ADDRESS_TEXT_BYTES];
  char what[128];
  char advice[192] = "";
  address_print(nlri, text);
  if (bc_service_address_is_host(nlri)) {
    (void)snprintf(what, sizeof what, "the service address %s is not on this host", text);
    (void)snprintf(advice, sizeof advice, "add it, e.g. ip addr add %s/%u dev lo, or use \"address\": \"manage\"", text,
                   nlri->length);
  } else {
    (void)snprintf(what, sizeof what, "no address of this host is in %s/%u", text, nlri->length);
  }
  address_say(to, BC_ADDRESS_MISSING, name, what, advice);
}

static void address_judge_unusable(const struct bc_nlri *nlri, const char *name, bool is_tentative,
                                   struct address_verdict *to) {
  char text[BC_ADDRESS_TEXT_BYTES];
  char what[128];
  address_print(nlri, text);
  (void)snprintf(what, sizeof what, "the service address %s/%u is not usable yet: duplicate detection", text,
                 nlri->length);
  if (is_tentative) {
    address_say(to, BC_ADDRESS_MISSING, name, what, "wait, or add it with nodad");
    return;
  }
  (void)snprintf(what, sizeof what, "the service address %s/%u is not usable: another host has it", text, nlri->length);
  address_say(to, BC_ADDRESS_MISSING, name, what, "duplicate detection has failed; find the other host");
}

/* It is not there, and we are to set it. */
static void address_judge_managed(const struct bc_core *core, const struct bc_nlri *nlri, const char *name,
                                  const struct core_address *address, struct address_verdict *to) {
  const struct core_addresses *all = &core->addresses;
  char text[BC_ADDRESS_TEXT_BYTES];
  char what[128];
  char advice[192] = "";
  address_print(nlri, text);
  const char *neighbor = core_address_neighbor(core, address_is_ipv6(nlri), nlri->address);
  (void)snprintf(what, sizeof what, "the service address %s is not on this host", text);
  if (address == NULL) {
    (void)snprintf(advice, sizeof advice, "not set: there are more than %d", BC_LIMIT_MANAGED_ADDRESSES);
  } else if (neighbor != NULL) {
    (void)snprintf(advice, sizeof advice, "not set: it is the address of the neighbor %s", neighbor);
  } else if (all->is_told && !all->is_able) {
    (void)snprintf(advice, sizeof advice, "it cannot be set (%s)", all->why);
  } else if (address->error != 0) {
    (void)snprintf(advice, sizeof advice, "it cannot be set (%s)", strerror(address->error));
  } else if (bc_mono_is_set(address->absent_since) &&
             bc_mono_ms_between(address->absent_since, bc_mono_now()) >= CORE_ADDRESS_COMING_MS) {
    (void)snprintf(advice, sizeof advice, "the worker that sets it does not answer");
  } else {
    (void)snprintf(what, sizeof what, "the service address %s is being set", text);
    address_say(to, BC_ADDRESS_COMING, name, what, "");
    return;
  }
  address_say(to, BC_ADDRESS_MISSING, name, what, advice);
}

static void address_judge_one(const struct bc_core *core, const struct bc_nlri *nlri, const char *name,
                              const struct core_address *address, bool is_managed, struct address_verdict *to) {
  const struct bc_addresses *host = core->addresses.host;
  const char *problem = bc_addresses_problem(host);
  struct bc_addresses_found found = bc_addresses_find(host, address_is_ipv6(nlri), nlri->address, nlri->length);
  if (found.is_usable) {
    return;
  }
  if (problem != NULL) {
    char what[128];
    (void)snprintf(what, sizeof what, "the addresses of this host are not known: %.80s", problem);
    address_say(to, BC_ADDRESS_UNKNOWN, name, what, "");
  } else if (found.is_there) {
    address_judge_unusable(nlri, name, found.is_tentative, to);
  } else if (is_managed) {
    address_judge_managed(core, nlri, name, address, to);
  } else {
    address_judge_absent(nlri, name, to);
  }
}

/* ---- a route ---- */

static bool address_concerns(const struct bc_core *core, const struct bc_config_route *config) {
  return config != NULL && config->is_subscribed && config->has_config && config->has_version && config->is_settled &&
         !config->lost_identity && config->options->address != BC_ADDRESS_IGNORE &&
         bc_family_has_prefix((enum bc_family)config->route->nlri.family) &&
         bc_config_admin_state(core->config) != BC_ADMIN_DOWN;
}

static struct address_verdict address_look(const struct bc_core *core, const struct core_service *service,
                                           const struct bc_config_route *config) {
  struct address_verdict verdict = {.state = BC_ADDRESS_FINE};
  bool is_manage = config->options->address == BC_ADDRESS_MANAGE;
  size_t at = 0;
  for (size_t i = 0; i < bc_route_nlri_count(config->route); i++) {
    const struct bc_nlri *nlri = bc_route_nlri(config->route, i);
    bool is_managed = is_manage && bc_service_address_is_host(nlri);
    const struct core_address *address = is_managed && at < service->wanted_count ? service->wanted[at++] : NULL;
    address_judge_one(core, nlri, config->name, address, is_managed, &verdict);
  }
  if (is_manage && verdict.fault[0] == '\0' && core->addresses.is_told && !core->addresses.is_able) {
    (void)snprintf(verdict.fault, sizeof verdict.fault,
                   "routes/%s/options: address: \"manage\" is not possible, the address is only required (%s)",
                   config->name, core->addresses.why);
  }
  return verdict;
}

static void address_let_go(struct bc_core *core, struct core_service *service) {
  for (size_t i = 0; i < service->wanted_count; i++) {
    if (service->wanted[i] != NULL) {
      core_address_unwant(core, service->wanted[i]);
    }
  }
  free(service->wanted);
  service->wanted = NULL;
  service->wanted_count = 0;
}

/* The new references first: what both want is not let go in between. */
static void address_take(struct bc_core *core, struct core_service *service, const struct bc_config_route *config) {
  size_t count = config->options->address == BC_ADDRESS_MANAGE ? bc_route_nlri_count(config->route) : 0;
  struct core_address **wanted = count == 0 ? NULL : bc_mem_new(count, sizeof(struct core_address *));
  size_t used = 0;
  for (size_t i = 0; i < count; i++) {
    const struct bc_nlri *nlri = bc_route_nlri(config->route, i);
    if (bc_service_address_is_host(nlri)) {
      wanted[used++] = core_address_want(core, address_is_ipv6(nlri), nlri->address);
    }
  }
  address_let_go(core, service);
  service->wanted = wanted;
  service->wanted_count = used;
}

void core_address_forget(struct bc_core *core, struct core_route *route) {
  struct core_service *service = route->service;
  if (service == NULL) {
    return;
  }
  address_let_go(core, service);
  if (core->addresses.review_next == service) {
    core->addresses.review_next = TAILQ_NEXT(service, link);
  }
  TAILQ_REMOVE(&core->addresses.services, service, link);
  free(service->reason);
  free(service->fault);
  free(service);
  route->service = NULL;
}

static void address_keep(char **slot, const char *text) {
  free(*slot);
  *slot = text[0] == '\0' ? NULL : bc_mem_copy_string(text);
}

enum bc_address_state core_address_judge(struct bc_core *core, struct core_route *route,
                                         const struct bc_config_route *config) {
  if (!address_concerns(core, config)) {
    core_address_forget(core, route);
    return BC_ADDRESS_FINE;
  }
  struct core_service *service = route->service;
  if (service == NULL) {
    service = bc_mem_new(1, sizeof *service);
    service->route = route;
    route->service = service;
    TAILQ_INSERT_TAIL(&core->addresses.services, service, link);
  }
  address_take(core, service, config);
  struct address_verdict verdict = address_look(core, service, config);
  service->state = verdict.state;
  address_keep(&service->reason, verdict.reason);
  address_keep(&service->fault, verdict.fault);
  return service->state;
}

const char *core_address_fault(const struct core_route *route) {
  return route->service == NULL ? NULL : route->service->fault;
}

const char *core_route_reason(const struct core_route *route) {
  if (route->decision.layer == BC_LAYER_ADDRESS && route->service != NULL && route->service->reason != NULL) {
    return route->service->reason;
  }
  return route->decision.reason == NULL ? "" : route->decision.reason;
}

/* ---- changes ---- */

static bool address_is_text(const char *kept, const char *text) {
  return strcmp(kept == NULL ? "" : kept, text) == 0;
}

static bool address_is_news(const struct core_service *service, struct address_verdict now) {
  return now.state != service->state || !address_is_text(service->reason, now.reason) ||
         !address_is_text(service->fault, now.fault);
}

static void address_review_one(struct bc_core *core, struct core_service *service) {
  struct bc_config_route config;
  if (!bc_config_find(core->config, service->route->name, &config) || !address_concerns(core, &config) ||
      address_is_news(service, address_look(core, service, &config))) {
    core_dispatch_again(core, service->route);
  }
}

static void address_on_review(void *arg) {
  struct bc_core *core = arg;
  struct core_addresses *all = &core->addresses;
  if (!core->routes_started || core->is_exiting) {
    return;
  }
  if (all->review_next == NULL) {
    all->review_next = TAILQ_FIRST(&all->services);
    all->is_review_due = false;
  }
  for (int i = 0; i < ADDRESS_REVIEWS_A_TURN && all->review_next != NULL; i++) {
    struct core_service *service = all->review_next;
    all->review_next = TAILQ_NEXT(service, link);
    address_review_one(core, service);
  }
  if (all->review_next != NULL || all->is_review_due) {
    bc_timer_start(all->review_timer, 0);
  }
  core_link_pump(core);
}

void core_address_review(struct bc_core *core) {
  core->addresses.is_review_due = true;
  bc_timer_start(core->addresses.review_timer, 0);
}

static void address_on_host(void *arg) {
  struct bc_core *core = arg;
  core_address_review(core);
  core_address_step(core);
  core_egress_on_host(core);
  core_publish_dirty(core);
}

void core_address_exit(struct bc_core *core) {
  struct core_service *service;
  TAILQ_FOREACH(service, &core->addresses.services, link) {
    if (service->route->exit_withdraw) {
      address_let_go(core, service);
    }
  }
}

/* ---- what is told ---- */

json_t *core_address_report(const struct bc_core *core) {
  const struct core_addresses *all = &core->addresses;
  if (!all->is_told) {
    return json_string("not told yet");
  }
  return all->is_able ? json_string("managed") : json_sprintf("cannot (%s)", all->why);
}

void core_address_warn(const struct bc_core *core, char *line, size_t room) {
  const struct core_addresses *all = &core->addresses;
  line[0] = '\0';
  const char *problem = all->host == NULL ? NULL : bc_addresses_problem(all->host);
  if (problem != NULL && !TAILQ_EMPTY(&all->services)) {
    (void)snprintf(line, room,
                   "the addresses of this host are not known (%s): routes with \"address\" stay as they are", problem);
  } else if (all->leftovers > 0) {
    (void)snprintf(line, room,
                   "%zu addresses on lo have our mark (" BC_RTNETLINK_LABEL
                   "), and neither a route nor the state directory knows them: remove them by hand",
                   all->leftovers);
  }
}

/* ---- life ---- */

void core_address_open(struct bc_core *core) {
  struct core_addresses *all = &core->addresses;
  TAILQ_INIT(&all->services);
  all->review_timer = bc_timer_new(core->loop, address_on_review, core);
  core_address_set_open(core);
  all->host = bc_addresses_new(core->loop, address_on_host, core);
}

void core_address_close(struct bc_core *core) {
  struct core_addresses *all = &core->addresses;
  core_address_set_close(core);
  bc_addresses_free(all->host);
  all->host = NULL;
  bc_timer_free(all->review_timer);
  all->review_timer = NULL;
}
