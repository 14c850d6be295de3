/* How this process was told to run: command line, environment, node file, defaults; in this order of
 * precedence. Pure: core and main read the files. One list (settings.def) makes parser, --help,
 * environment names, the node file and docs/settings.md. */
#ifndef BC_MODEL_SETTINGS_H
#define BC_MODEL_SETTINGS_H

#include "base/buf.h"
#include "base/enum_text.h"
#include "base/err.h"
#include "base/log.h"
#include "base/str.h"

#include <stdbool.h>

/* The most that --workers takes. */
enum { BC_SETTINGS_WORKERS = 64 };
/* The most that --records takes. */
enum { BC_SETTINGS_RECORDS = 4096 };
/* The most that audit_size takes, MiB. */
enum { BC_SETTINGS_AUDIT = 1024 };
/* The most that --metrics-routes takes. */
enum { BC_SETTINGS_SERIES_MOST = 100000 };

#define BC_SETTINGS_CONFIG "/etc/bgpcommander/bgpcommander.conf"
/* Both ports that etcd ever had: who has only one of them lacks nothing. */
#define BC_SETTINGS_ENDPOINTS "http://127.0.0.1:2379,http://127.0.0.1:4001"

/* name, text */
#define BC_SETTINGS_API_LIST(X)                                                                                        \
  X(BC_SETTINGS_API_AUTO, "auto")                                                                                      \
  X(BC_SETTINGS_API_V3, "v3")                                                                                          \
  X(BC_SETTINGS_API_V2, "v2")

enum bc_settings_api { BC_SETTINGS_API_LIST(BC_ENUM_MEMBER) };
const char *bc_settings_api_text(enum bc_settings_api value);

struct bc_settings {
  /* All texts are owned; NULL = not set. */
  char *endpoints;               /* -c, --endpoints */
  char *node;                    /* -n, --node; default: host name */
  char *script_dir;              /* -p, --scripts; default /tmp */
  char *prefix;                  /* --prefix; default /bgp */
  enum bc_settings_api etcd_api; /* --etcd-api; default auto */
  char *etcd_user_file;          /* --etcd-user-file */
  char *cacert, *cert, *key;
  char *state_dir;  /* --state-dir; default: /var/lib/bgpcommander, else a private one under -p */
  char *socket;     /* --socket; default: /run/bgpcommander/NODE.sock, else in the state directory */
  char *http;       /* --http; a list for bc_listen_parse; NULL = no HTTP API */
  char *config;     /* --config; default /etc/bgpcommander/bgpcommander.conf (may be missing) */
  unsigned workers; /* --workers; Lua workers, 1 … 64 */
  unsigned records; /* --records; MiB, 0 = off; default 64 */
  /* --metrics-routes; routes, and as many checks, with series of their own; 0 = none */
  unsigned metrics_routes;
  enum bc_log_level log_level;
  enum bc_log_format log_format;
  bool shell;         /* node file only: shell on|off; default on */
  char *egress_allow; /* node file only: rules for bc_egress_add_list */
  char *egress_deny;
  char *exec_allow; /* node file only: rules for bc_exec_rule_allows, a line each; NULL = none */
  char *announce_allow, *announce_deny, *announce_family, *announce_community; /* node file only: for bc_guard_of */
  unsigned max_routes;                                                         /* the same; 0 = any number */
  char *http_token;   /* node file only, as all here; for bc_tokens_add_lines, a line each */
  char *http_host;    /* for bc_http_access_add_list */
  unsigned http_rate; /* requests in a second */
  char *admit_allow, *admit_never, *admit_family, *admit_length, *admit_flow; /* for bc_admission_of */
  unsigned admit_max_routes, admit_max_routes_per_token, admit_max_per_hour;  /* 0 = any number */
  unsigned admit_max_ttl, admit_default_ttl;                                  /* milliseconds; 0 = none */
  char *blackhole_length, *blackhole_community, *blackhole_next_hop;          /* for bc_admission_of */
  unsigned audit_size, audit_files;                                           /* MiB; number */
  bool is_json;                                                               /* --json, for commands */
  bool is_watched;                                                            /* --watch, for commands */
  char *data;                                                                 /* --data, for run; as are these: */
  char *modules, *route, *check, *timeout;
  char *context, *record;    /* --ctx, --record, for eval */
  char *since, *until;       /* for replay; until for token too */
  char *scope;               /* --scope, for token */
  bool is_traced;            /* --trace */
  char *at, *id;             /* --at, --id; for why */
  bool is_followed;          /* --follow, for events; as is this: */
  char *event_type;          /* --type; NULL: all */
  char *run;                 /* --run, for test; NULL: all */
  bool is_tap;               /* --tap */
  bool wants_coverage;       /* --coverage */
  char *coverage_min, *lcov; /* --coverage-min, --lcov; NULL: not wanted */
  char *lint_mode;           /* --as, for lint; as are these: */
  bool is_of_store, is_strict, wants_rules;
  /* For commands that edit the store: */
  char *healthcheck, *check_options, *policy, *route_prefix, *check_script, *removed, *labels;
  bool is_dry, is_sure, is_waiting;
  bool wants_help, wants_version;
  /* The command and its words: those of argv that are no options; command NULL = the daemon. The array of
   * words is owned, the texts are argv's. */
  const char *command;
  char *const *words;
  int word_count;
};

void bc_settings_release(struct bc_settings *settings);

/* `-c LIST`, `-c=LIST`, `--endpoints LIST`, `--endpoints=LIST`; options may stand before and after the
 * command word; `--` ends them. `environment`: as environ (BGPCOMMANDER_STATE_DIR …; those of the
 * outside world are ignored). `node_file`: content or NULL. Failure: one line ("--log-level: expected
 * error, warning, notice, info or debug, found \"loud\""). */
BC_MUST_CHECK enum bc_err bc_settings_parse(int argc, char *const *argv, char *const *environment,
                                            struct bc_str node_file, const char *hostname, struct bc_settings *out,
                                            struct bc_fault *fault);

/* Each setting of the daemon that is set, by its long name, with its value as the node file would have it (a list as
 * one text, with commas or line breaks between); but for secrets and their hashes. */
typedef void bc_settings_each_fn(void *arg, const char *name, const char *value);
void bc_settings_each(const struct bc_settings *settings, bc_settings_each_fn *fn, void *arg);

/* Usage as the classic program printed it, then the rest. */
void bc_settings_print_usage(const char *program, const char *hostname, struct bc_buf *to);

/* The table of docs/settings.md. */
void bc_settings_print_reference(struct bc_buf *to);

#endif
