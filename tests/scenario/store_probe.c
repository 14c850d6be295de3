/* Opens a store and tells each call of its handler as one JSON array a line; takes commands on stdin:
 * publish KEY VALUE, unpublish KEY, enable, disable, relist, leave, age, transactions, close. api=v3 (also
 * without it), v2 or auto; remembered=v3 or v2. Times and sizes of
 * struct bc_etcd_tuning can be set: tuning:NAME=NUMBER; those of struct bc_dir_tuning: dir:NAME=NUMBER. */
#include "base/buf.h"
#include "io/dir.h"
#include "io/store_auto.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_MAX = 1048576 };

struct probe {
  struct bc_loop *loop;
  struct bc_store *store;
  struct bc_watch *input_watch;
  struct bc_buf input;
  bool quiet;       /* entries are counted, not told */
  bool close_early; /* closes the store inside of the first change */
  unsigned entries;
};

static void probe_say(json_t *line) {
  char *text = json_dumps(line, JSON_COMPACT);
  if (text == NULL) {
    abort();
  }
  (void)puts(text);
  (void)fflush(stdout);
  free(text);
  json_decref(line);
}

static json_t *probe_text(struct bc_str text) {
  json_t *json = text.at == NULL ? json_null() : json_stringn(text.at, text.len);
  return json == NULL ? json_string("(not UTF-8)") : json;
}

static void probe_say_point(const char *what, struct bc_store_point point) {
  char cluster[32];
  (void)snprintf(cluster, sizeof cluster, "%llx", (unsigned long long)point.cluster_id);
  probe_say(json_pack("[s,s,I]", what, cluster, (json_int_t)point.revision));
}

static void probe_on_list_begin(void *arg, struct bc_store_point point) {
  struct probe *probe = arg;
  probe->entries = 0;
  probe_say_point("list_begin", point);
}

static void probe_on_list_entry(void *arg, struct bc_str key, struct bc_str value, uint64_t revision) {
  struct probe *probe = arg;
  probe->entries++;
  if (!probe->quiet) {
    probe_say(json_pack("[s,o,o,I]", "entry", probe_text(key), probe_text(value), (json_int_t)revision));
  }
}

static void probe_on_list_unreadable(void *arg, struct bc_str key, const char *text) {
  (void)arg;
  probe_say(json_pack("[s,o,s]", "unreadable", probe_text(key), text));
}

static void probe_on_list_end(void *arg, struct bc_store_point point) {
  struct probe *probe = arg;
  if (probe->quiet) {
    probe_say(json_pack("[s,i]", "entries", (int)probe->entries));
  }
  probe_say_point("list_end", point);
}

static void probe_on_list_abort(void *arg) {
  (void)arg;
  probe_say(json_pack("[s]", "list_abort"));
}

static void probe_on_change(void *arg, struct bc_str key, struct bc_str value, uint64_t revision) {
  struct probe *probe = arg;
  probe_say(json_pack("[s,o,o,I]", "change", probe_text(key), probe_text(value), (json_int_t)revision));
  if (probe->close_early) {
    bc_store_close(probe->store);
    probe->store = NULL;
    probe_say(json_pack("[s]", "closed"));
    bc_loop_stop(probe->loop);
  }
}

static void probe_on_changes_end(void *arg, struct bc_store_point point) {
  (void)arg;
  probe_say_point("changes_end", point);
}

static void probe_on_state(void *arg, enum bc_store_state state, const char *text) {
  (void)arg;
  probe_say(json_pack("[s,s,s]", "state", bc_store_state_text(state), text));
}

static void probe_on_publish_state(void *arg, const char *problem) {
  (void)arg;
  probe_say(json_pack("[s,s?]", "publish_state", problem));
}

static void probe_on_left(void *arg) {
  struct probe *probe = arg;
  probe_say(json_pack("[s]", "left"));
  bc_loop_stop(probe->loop);
}

static void probe_run_command(struct probe *probe, char *line) {
  char *key = strchr(line, ' ');
  if (key != NULL) {
    *key++ = '\0';
  }
  char *value = key == NULL ? NULL : strchr(key, ' ');
  if (value != NULL) {
    *value++ = '\0';
  }
  if (strcmp(line, "publish") == 0 || strcmp(line, "unpublish") == 0) {
    bc_store_publish(probe->store, key, value);
  } else if (strcmp(line, "enable") == 0 || strcmp(line, "disable") == 0) {
    bc_store_publish_enable(probe->store, line[0] == 'e');
  } else if (strcmp(line, "relist") == 0) {
    bc_store_relist(probe->store);
  } else if (strcmp(line, "leave") == 0) {
    bc_store_leave(probe->store, 3000, probe_on_left, probe);
  } else if (strcmp(line, "transactions") == 0) {
    struct bc_fault why = {.text = ""};
    bool has = bc_store_has_transactions(probe->store, &why);
    probe_say(json_pack("[s,b,s]", "transactions", has, why.text));
  } else if (strcmp(line, "age") == 0) {
    probe_say(json_pack("[s,I,s,s]", "age", (json_int_t)bc_store_age_ms(probe->store), bc_store_kind(probe->store),
                        bc_store_endpoint(probe->store)));
  } else {
    bc_loop_stop(probe->loop);
  }
}

static void probe_on_input(void *arg, int fd, int events) {
  struct probe *probe = arg;
  (void)events;
  char *room = bc_buf_reserve(&probe->input, 4096);
  ssize_t got = room == NULL ? 0 : read(fd, room, 4096);
  if (got <= 0) {
    bc_watch_set(probe->input_watch, 0);
    bc_loop_stop(probe->loop);
    return;
  }
  bc_buf_commit(&probe->input, (size_t)got);
  char *end;
  while (probe->store != NULL && (end = memchr(probe->input.data, '\n', probe->input.len)) != NULL) {
    *end = '\0';
    probe_run_command(probe, probe->input.data);
    bc_buf_consume(&probe->input, (size_t)(end - probe->input.data) + 1);
  }
}

static int64_t *probe_tuning_number(struct bc_etcd_tuning *tuning, const char *name, size_t len) {
  const struct {
    const char *name;
    int64_t *number;
  } numbers[] = {
      {"backoff_ms", &tuning->backoff_ms},
      {"backoff_most_ms", &tuning->backoff_most_ms},
      {"healthy_ms", &tuning->healthy_ms},
      {"created_ms", &tuning->created_ms},
      {"life_least_ms", &tuning->life_least_ms},
      {"life_most_ms", &tuning->life_most_ms},
      {"unary_ms", &tuning->unary_ms},
      {"quiet_ms", &tuning->quiet_ms},
      {"relist_ms", &tuning->relist_ms},
      {"reauth_spread_ms", &tuning->reauth_spread_ms},
      {"lease_ttl_s", &tuning->lease_ttl_s},
      {"lease_spread_ms", &tuning->lease_spread_ms},
      {"txn_gap_ms", &tuning->txn_gap_ms},
      {"pause_ms", &tuning->pause_ms},
      {"stale_ms", &tuning->stale_ms},
      {"reput_ms", &tuning->reput_ms},
      {"look_ms", &tuning->look_ms},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    if (bc_str_is((struct bc_str){.at = name, .len = len}, numbers[i].name)) {
      return numbers[i].number;
    }
  }
  return NULL;
}

static struct bc_dir_tuning probe_dir_tuning;

static int64_t *probe_dir_number(struct bc_str name) {
  struct bc_dir_tuning *tuning = &probe_dir_tuning;
  const struct {
    const char *name;
    int64_t *number;
  } numbers[] = {
      {"dir:quiet_ms", &tuning->quiet_ms},
      {"dir:quiet_most_ms", &tuning->quiet_most_ms},
      {"dir:removal_most_ms", &tuning->removal_most_ms},
      {"dir:rescan_ms", &tuning->rescan_ms},
      {"dir:poll_ms", &tuning->poll_ms},
      {"dir:hang_ms", &tuning->hang_ms},
      {"dir:round_ms", &tuning->round_ms},
      {"dir:pause_ms", &tuning->pause_ms},
      {"dir:stale_ms", &tuning->stale_ms},
      {"dir:watches_most", &tuning->watches_most},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    if (bc_str_is(name, numbers[i].name)) {
      return numbers[i].number;
    }
  }
  return NULL;
}

static enum bc_store_api probe_api(const char *name) {
  enum bc_store_api api = BC_STORE_API_AUTO;
  while (api < BC_STORE_API_V2 && strcmp(name, bc_store_api_text(api)) != 0) {
    api++;
  }
  return api;
}

/* "name=value"; false for a name that is not known. */
static bool probe_take_argument(struct probe *probe, struct bc_store_options *options, struct bc_etcd_tuning *tuning,
                                const char *argument) {
  const char *value = strchr(argument, '=');
  if (value == NULL) {
    probe->quiet = probe->quiet || strcmp(argument, "quiet") == 0;
    probe->close_early = probe->close_early || strcmp(argument, "close_early") == 0;
    return true;
  }
  struct bc_str name = {.at = argument, .len = (size_t)(value - argument)};
  value++;
  const struct {
    const char *name;
    const char **text;
  } texts[] = {{"endpoints", &options->endpoints},
               {"prefix", &options->prefix},
               {"node", &options->node},
               {"user_file", &options->user_file},
               {"cacert", &options->cacert},
               {"cert", &options->cert},
               {"key", &options->key}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (bc_str_is(name, texts[i].name)) {
      *texts[i].text = value;
      return true;
    }
  }
  if (bc_str_is(name, "api")) {
    options->api = probe_api(value);
    return true;
  }
  if (bc_str_is(name, "remembered")) {
    options->remembered = strcmp(value, "v2") == 0 ? BC_STORE_TYPE_ETCD_V2 : BC_STORE_TYPE_ETCD_V3;
    return true;
  }
  if (bc_str_is(name, "tuning:history")) {
    tuning->history = strtoull(value, NULL, 10);
    return true;
  }
  if (bc_str_is(name, "tuning:page_keys")) {
    tuning->page_keys = strtoull(value, NULL, 10);
    return true;
  }
  if (bc_str_is(name, "tuning:txn_ops")) {
    tuning->txn_ops = strtoull(value, NULL, 10);
    return true;
  }
  int64_t *number =
      bc_str_starts(name, "tuning:") ? probe_tuning_number(tuning, name.at + 7, name.len - 7) : probe_dir_number(name);
  if (number != NULL) {
    *number = strtoll(value, NULL, 10);
  }
  return number != NULL;
}

int main(int argc, char **argv) {
  struct probe probe = {.quiet = false};
  struct bc_store_options options = {.prefix = "/bgp", .node = "n1", .api = BC_STORE_API_V3, .random_seed = 7};
  struct bc_etcd_tuning tuning = bc_etcd_tuning_default;
  probe_dir_tuning = bc_dir_tuning_default;
  for (int i = 1; i < argc; i++) {
    if (!probe_take_argument(&probe, &options, &tuning, argv[i])) {
      (void)fprintf(stderr, "what is %s?\n", argv[i]);
      return 2;
    }
  }
  const struct bc_store_handler handler = {.arg = &probe,
                                           .list_begin = probe_on_list_begin,
                                           .list_entry = probe_on_list_entry,
                                           .list_unreadable = probe_on_list_unreadable,
                                           .list_end = probe_on_list_end,
                                           .list_abort = probe_on_list_abort,
                                           .change = probe_on_change,
                                           .changes_end = probe_on_changes_end,
                                           .state = probe_on_state,
                                           .publish_state = probe_on_publish_state};
  bc_buf_init(&probe.input, INPUT_MAX);
  probe.loop = bc_loop_new();
  probe.input_watch = bc_watch_new(probe.loop, 0, probe_on_input, &probe);
  struct bc_fault fault = {.column = 0};
  bool is_dir = options.endpoints != NULL && strstr(options.endpoints, "file:") != NULL;
  enum bc_err err = is_dir ? bc_dir_open(probe.loop, &options, &probe_dir_tuning, &handler, &probe.store, &fault)
                           : bc_store_auto_open(probe.loop, &options, &tuning, &handler, &probe.store, &fault);
  if (err == BC_ERR_OK) {
    bc_watch_set(probe.input_watch, BC_WATCH_READ);
    bc_loop_run(probe.loop);
    bc_store_close(probe.store);
  } else {
    probe_say(json_pack("[s,s]", "fault", fault.text));
  }
  bc_watch_free(probe.input_watch);
  bc_loop_free(probe.loop);
  bc_buf_free(&probe.input);
  return err == BC_ERR_OK ? 0 : 1;
}
