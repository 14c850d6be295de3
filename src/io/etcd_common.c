#include "io/etcd_common.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

const struct bc_etcd_tuning bc_etcd_tuning_default = {
    .page_keys = 32000,
    .backoff_ms = 800,
    .backoff_most_ms = 30000,
    .healthy_ms = 120000,
    .created_ms = 5000,
    .life_least_ms = 660000,
    .life_most_ms = 960000,
    .unary_ms = 10000,
    .quiet_ms = 20000,
    .relist_ms = 3600000,
    .list_spread_ms = 1000,
    .reauth_spread_ms = 2000,
    .lease_ttl_s = 60,
    .lease_spread_ms = 60000,
    .txn_ops = 100,
    .txn_gap_ms = 500,
    .pause_ms = 300000,
    .stale_ms = 10000,
    .reput_ms = 10000,
    .history = 400,
    .look_ms = 1500,
};

void bc_etcd_random_seed(struct bc_etcd_random *random, uint64_t seed) {
  random->state = seed;
  if (seed == 0) {
    (void)!getrandom(&random->state, sizeof random->state, 0);
  }
}

int64_t bc_etcd_random(struct bc_etcd_random *random, int64_t most) {
  random->state += 0x9e3779b97f4a7c15U;
  uint64_t z = random->state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  z ^= z >> 31;
  return most <= 0 ? 0 : (int64_t)(z % ((uint64_t)most + 1));
}

int64_t bc_etcd_backoff_next(struct bc_etcd_backoff *backoff, const struct bc_etcd_tuning *tuning,
                             struct bc_etcd_random *random, struct bc_mono now) {
  if (bc_mono_is_set(backoff->healthy_since) && bc_mono_ms_between(backoff->healthy_since, now) >= tuning->healthy_ms) {
    backoff->failures = 0;
  }
  backoff->healthy_since = (struct bc_mono){0};
  int64_t bound = tuning->backoff_ms;
  for (unsigned i = 0; i < backoff->failures && bound < tuning->backoff_most_ms; i++) {
    bound *= 2;
  }
  bound = bound < tuning->backoff_most_ms ? bound : tuning->backoff_most_ms;
  backoff->failures += backoff->failures < 1000 ? 1 : 0;
  return bc_etcd_random(random, bound);
}

void bc_etcd_backoff_healthy(struct bc_etcd_backoff *backoff, struct bc_mono now) {
  if (!bc_mono_is_set(backoff->healthy_since)) {
    backoff->healthy_since = now;
  }
}

static char *common_join(const char *a, const char *b, const char *c, const char *d) {
  struct bc_buf text;
  bc_buf_init(&text, BC_LIMIT_KEY_BYTES);
  bc_buf_add_text(&text, a);
  bc_buf_add_text(&text, b);
  bc_buf_add_text(&text, c);
  bc_buf_add_text(&text, d);
  return bc_buf_take(&text);
}

/* Keys by themselves, and what is below these folders; beside the node's. */
static const char *const common_keys[] = {"admission", "policy"};
static const char *const common_folders[] = {"checks/", "data/", "lua/", "node/", "routes/"};

/* v3 watches ranges, each on a connection of its own: a key by itself goes with the folder that comes behind it, as
 * hardly anything is between them. v2 knows only directories and keys. */
struct common_range {
  const char *from, *to;
};
static const struct common_range common_ranges3[] = {
    {"admission", "checks0"}, {"data/", "data0"}, {"lua/", "lua0"}, {"policy", "routes0"}, {NULL, NULL}};
static const struct common_range common_ranges2[] = {{"admission", ""}, {"policy", ""},  {"checks/", ""}, {"data/", ""},
                                                     {"lua/", ""},      {"routes/", ""}, {NULL, NULL}};

/* Takes the texts over. */
static void common_add_range(struct bc_etcd_names *names, struct bc_etcd_key_range range) {
  names->ranges[names->range_count++] = range;
}

void bc_etcd_names_init(struct bc_etcd_names *names, enum bc_store_type type, const char *prefix, const char *node) {
  struct bc_str base = bc_str_of(prefix);
  while (base.len > 0 && base.at[base.len - 1] == '/') {
    base.len--;
  }
  char *root = bc_mem_copy_text(base.at, base.len);
  names->prefix = common_join(root, "/", "", "");
  free(root);
  names->routes = common_join(names->prefix, "routes/", "", "");
  names->range_count = BC_ETCD_RANGE_NODE;
  common_add_range(names, (struct bc_etcd_key_range){.from = common_join(names->prefix, "node/", node, "/"),
                                                     .to = common_join(names->prefix, "node/", node, "0")});
  for (const struct common_range *at = type == BC_STORE_TYPE_ETCD_V2 ? common_ranges2 : common_ranges3;
       at->from != NULL; at++) {
    common_add_range(names, (struct bc_etcd_key_range){.from = common_join(names->prefix, at->from, "", ""),
                                                       .to = common_join(names->prefix, at->to, "", "")});
  }
  names->own_dirs[0] = common_join("node/", node, "/neighbors/", "");
  names->own_dirs[1] = common_join("node/", node, "/routes/", "");
  names->own_status = common_join("node/", node, "/status", "");
}

void bc_etcd_names_fini(struct bc_etcd_names *names) {
  for (size_t i = 0; i < names->range_count; i++) {
    free(names->ranges[i].from);
    free(names->ranges[i].to);
  }
  for (size_t i = 0; i < BC_ETCD_OWN_DIRS; i++) {
    free(names->own_dirs[i]);
  }
  free(names->prefix);
  free(names->routes);
  free(names->own_status);
}

struct bc_etcd_key_ranges bc_etcd_names_ranges(const struct bc_etcd_names *names) {
  return (struct bc_etcd_key_ranges){.at = names->ranges, .count = names->range_count};
}

bool bc_etcd_names_is_told(struct bc_str key) {
  for (size_t i = 0; i < sizeof common_keys / sizeof common_keys[0]; i++) {
    if (bc_str_is(key, common_keys[i])) {
      return true;
    }
  }
  for (size_t i = 0; i < sizeof common_folders / sizeof common_folders[0]; i++) {
    if (bc_str_starts(key, common_folders[i])) {
      return true;
    }
  }
  return false;
}

struct bc_str bc_etcd_names_relative(const struct bc_etcd_names *names, struct bc_str key) {
  size_t len = strlen(names->prefix);
  if (!bc_str_starts(key, names->prefix)) {
    return (struct bc_str){.at = NULL, .len = 0};
  }
  return (struct bc_str){.at = key.at + len, .len = key.len - len};
}

bool bc_etcd_names_is_own(const struct bc_etcd_names *names, struct bc_str key) {
  return bc_str_is(key, names->own_status) || bc_str_starts(key, names->own_dirs[0]) ||
         bc_str_starts(key, names->own_dirs[1]);
}
