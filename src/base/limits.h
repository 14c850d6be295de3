/* Every limit in one place; docs/limits.md is checked against this list by tests/lint. */
#ifndef BC_BASE_LIMITS_H
#define BC_BASE_LIMITS_H

/* name, value, what it bounds (the text stands in docs/limits.md) */
#define BC_LIMIT_LIST(X)                                                                                               \
  X(ROUTES, 100000, "routes in the store")                                                                             \
  X(NAME_BYTES, 128, "bytes of a route, check or node name")                                                           \
  X(CONFIG_BYTES, 65536, "bytes of a route's config or prefix")                                                        \
  X(SCRIPT_BYTES, 262144, "bytes of a health check script, a policy or a module")                                      \
  X(OPTIONS_BYTES, 16384, "bytes of the options of a route or a check, and of a policy as JSON")                       \
  X(SUBSCRIPTION_BYTES, 1048576, "bytes of subscribedRoutes")                                                          \
  X(SUBSCRIBED_GLOBS, 256, "globs in subscribedRoutes")                                                                \
  X(KEY_NLRI, 1000, "NLRI that one route of the store announces")                                                      \
  X(LIST_NLRI, 100000, "NLRI of all routes of the store, beyond one each")                                             \
  X(SAME_PREFIX, 64, "routes with one prefix that are announced at once")                                              \
  X(STRAY_KEYS, 100, "keys without a meaning that are named in faults")                                                \
  X(SCRIPTS, 1000, "distinct scripts: health checks and policies")                                                     \
  X(ROUTE_CHECKS, 16, "named checks that one route's options name")                                                    \
  X(NAMED_CHECKS, 10000, "named checks in the store")                                                                  \
  X(LUA_MODULES, 64, "modules that a Lua script requires, with those that these require")                              \
  X(LUA_MODULES_ALL, 1000, "modules (lua/...) in the store")                                                           \
  X(DATA_KEYS, 10000, "keys below data/ in the store")                                                                 \
  X(DATA_BYTES, 65536, "bytes of a value of data/...")                                                                 \
  X(DATA_ALL_BYTES, 16777216, "bytes of all values of data/... together")                                              \
  X(LABELS_BYTES, 16384, "bytes of node/NODE/labels")                                                                  \
  X(KEPT_SCRIPT_BYTES, 67108864, "bytes of all scripts from which on older versions of them are not kept")             \
  X(KEY_BYTES, 1024, "bytes of a key in the store")                                                                    \
  X(NODE_FILE_BYTES, 65536, "bytes of the node file")                                                                  \
  X(STATUS_BYTES, 16384, "bytes of node/NODE/status")                                                                  \
  X(CHECK_OUTPUT_BYTES, 4096, "bytes kept of a check's output (its end)")                                              \
  X(CHECK_OUTPUT_SHOWN_BYTES, 512, "bytes of a failing check's output shown in the status")                            \
  X(CHECKS_AT_ONCE, 64, "shell checks that run at once")                                                               \
  X(CHECK_VARIABLES, 128, "environment variables of a shell check")                                                    \
  X(LUA_STATE_BYTES, 1048576, "bytes of memory of a Lua script, for all checks that use it")                           \
  X(LUA_CHECK_BYTES, 32768, "bytes of memory that each of these checks adds")                                          \
  X(LUA_CHECKS, 256, "checks that share one Lua script's memory")                                                      \
  X(LUA_BURST_MS, 250, "milliseconds of CPU time of a Lua check without a wait")                                       \
  X(LUA_REASON_BYTES, 512, "bytes of a Lua check's reason or error")                                                   \
  X(LUA_DATA_BYTES, 4096, "bytes of the data that a Lua check returns, as JSON")                                       \
  X(LUA_DATA_DEPTH, 8, "tables within tables in that data")                                                            \
  X(LUA_LOG_BYTES, 4096, "bytes that one run of a Lua check may log")                                                  \
  X(CHECKS_SERIES, 100000, "series of metrics that are kept of all checks")                                            \
  X(CHECK_SERIES, 32, "series of metrics that are kept of a check")                                                    \
  X(CHECK_STATE_BYTES, 4096, "bytes of the state that a Lua check keeps, as JSON")                                     \
  X(CHECK_STATES_BYTES, 16777216, "bytes of the states of all checks")                                                 \
  X(LUA_JSON_BYTES, 262144, "bytes of a JSON text in a Lua check")                                                     \
  X(LUA_JSON_DEPTH, 64, "tables within tables of a JSON text in a Lua check")                                          \
  X(LUA_TEXT_BYTES, 1048576, "bytes of a text that string.rep makes, and of a text that patterns are tried on")        \
  X(LUA_RANGE, 100000, "elements that one call of a table function goes through")                                      \
  X(LUA_CALLS, 64, "connections and waiting calls of one run of a Lua check")                                          \
  X(LUA_CALLS_ALL, 4096, "connections and waiting calls of all runs in a Lua worker")                                  \
  X(LUA_TASKS, 64, "threads of one run of a Lua check: its own and those of parallel")                                 \
  X(POLICY_CPU_MS, 10, "milliseconds of CPU time of one run of a policy")                                              \
  X(POLICY_CONTEXT_BYTES, 262144, "bytes of the JSON context that a policy gets")                                      \
  X(POLICY_VERDICT_BYTES, 16384, "bytes of the JSON verdict that a policy gives")                                      \
  X(POLICY_RUNS, 4096, "runs of policies that wait in the policy worker")                                              \
  X(STREAM_QUEUE_BYTES, 262144, "bytes that wait to be sent on a connection of a Lua check")                           \
  X(STREAM_INPUT_BYTES, 65536, "bytes that came on a connection of a Lua check and were not taken yet")                \
  X(TLS_PEM_BYTES, 65536, "bytes of a PEM text (ca, cert, key) that a Lua check gives for TLS")                        \
  X(LUA_WORKER_FILES, 8192, "descriptors of a Lua worker")                                                             \
  X(LUA_WORKER_MIB, 8192, "MiB of address space of a Lua worker")                                                      \
  X(LUA_PATTERN_STEPS, 40000000, "steps that a pattern could take on a text at worst")                                 \
  X(NEIGHBORS, 64, "BGP neighbors that are followed one by one")                                                       \
  X(HOST_ADDRESSES, 65536, "addresses of the host that are followed")                                                  \
  X(MANAGED_ADDRESSES, 16384, "service addresses that are set by us at once")                                          \
  X(STANDING, 2000000, "routes that ExaBGP lists as standing at the start")                                            \
  X(GROUP_NLRI, 100, "NLRI in one command line")                                                                       \
  X(WINDOW_NLRI, 600, "NLRI that ExaBGP has not acknowledged yet")                                                     \
  X(WINDOW_LINES, 60, "command lines that ExaBGP has not acknowledged yet")                                            \
  X(WHOLE_LINE_BYTES, 4095, "bytes of a command line that a pipe takes as a whole (PIPE_BUF less its line break)")     \
  X(EXABGP_LINE_BYTES, 1048576, "bytes of one line from ExaBGP")                                                       \
  X(COMMAND_BYTES, 131072, "bytes of one command to ExaBGP")                                                           \
  X(FRAME_BYTES, 524288, "bytes of one frame between our processes")                                                   \
  X(CHANNEL_QUEUE_BYTES, 16777216, "bytes that wait for one worker")                                                   \
  X(ETCD_OBJECT_BYTES, 33554432, "bytes of one JSON object from etcd")                                                 \
  X(DIR_BYTES, 268435456, "bytes of all different values of a directory store, and of a store that a command edits")   \
  X(ETCD_ENDPOINTS, 16, "etcd endpoints")                                                                              \
  X(NET_ADDRESSES, 65536, "addresses that net.enumerate gives")                                                        \
  X(WEB_URL_BYTES, 8192, "bytes of a URL that a Lua check asks")                                                       \
  X(WEB_HEAD_BYTES, 65536, "bytes of an HTTP answer's head that a Lua check gets")                                     \
  X(WEB_HEADERS, 256, "lines of that head")                                                                            \
  X(WEB_BODY_BYTES, 262144, "bytes of an HTTP body that a Lua check sends or gets")                                    \
  X(WEB_SENT_HEADERS, 64, "headers of an HTTP request of a Lua check")                                                 \
  X(WEB_SENT_HEAD_BYTES, 16384, "bytes of these headers")                                                              \
  X(WEB_KEPT, 256, "HTTP connections that a Lua script keeps for its next requests")                                   \
  X(EXEC_WORDS, 64, "words of a command that a Lua check runs, and of a rule for them")                                \
  X(EXEC_ARGV_BYTES, 8192, "bytes of the words of such a command")                                                     \
  X(EXEC_INPUT_BYTES, 65536, "bytes that it gets as its input")                                                        \
  X(EXEC_OUTPUT_BYTES, 65536, "bytes of its output that can be asked for, and as many of its error output")            \
  X(EXEC_AT_ONCE, 64, "such commands at once on a node")                                                               \
  X(EGRESS_RULES, 256, "egress rules of the node file, and as many of the daemon's own")                               \
  X(GUARD_RULES, 1000, "values of announce_allow in the node file, and as many of each of its like")                   \
  X(TOKENS, 256, "tokens of the HTTP API in the node file")                                                            \
  X(TOKEN_PREFIXES, 64, "prefixes of one token")                                                                       \
  X(HTTP_HOSTS, 64, "names of http_host in the node file")                                                             \
  X(AUDIT_TEXT_BYTES, 4096, "bytes of a text in a line of the audit log: a command, a reason")                         \
  X(AUDIT_WAITS, 4096, "lines of the audit log that wait for the disk")                                                \
  X(AUDIT_KEPT_BYTES, 1048576, "bytes of lines of the audit log that the disk did not take, and that are kept for it") \
  X(RESOLVER_NAMES, 256, "names that a worker looks up at once")                                                       \
  X(DNS_QUERIES, 512, "DNS queries of checks that a worker has under way")                                             \
  X(PINGS, 512, "pings of checks that a worker has under way")                                                         \
  X(DATAGRAMS, 512, "UDP exchanges of checks that a worker has under way")                                             \
  X(RECORD_BYTES, 262144, "bytes of one decision record")                                                              \
  X(RECORD_TEXT_BYTES, 4096, "bytes of a text in a decision record: a route, a command, a reason")                     \
  X(RECORD_NOTES, 128, "things that followed from one decision that are told with it")                                 \
  X(RECORDS_QUEUE_BYTES, 33554432, "bytes of decision records that wait for the disk")                                 \
  X(RECORDS_ASKED, 1000, "decisions in one answer")                                                                    \
  X(RECORDS_ANSWER_BYTES, 8388608, "bytes of these")                                                                   \
  X(LEASES, 10000, "routes of the API")                                                                                \
  X(LEASES_BYTES, 67108864, "bytes of the texts of all routes of the API")                                             \
  X(LEASES_NLRI, 100000, "NLRI of all routes of the API, beyond one each")                                             \
  X(LEASE_TEXT_BYTES, 1024, "bytes of the owner, the reason or the source of a route of the API")                      \
  X(WAITS, 1024, "HTTP requests that wait for what becomes of a command")                                              \
  X(LOG_LINE_BYTES, 4096, "bytes of a log line")                                                                       \
  X(DISK_QUEUE_BYTES, 67108864, "bytes that wait for the disk, per file that is appended to")                          \
  X(LOG_CHANGES, 1000, "changes of routes that the log tells at once")                                                 \
  X(LOG_CHANGES_S, 100, "of more than these, changes that the log tells in a second")                                  \
  X(EVENTS, 1024, "events that are kept for those who follow them")                                                    \
  X(EVENT_BYTES, 4096, "bytes of what an event tells, as JSON")                                                        \
  X(EVENT_STREAMS, 64, "clients that follow the events by HTTP at once")                                               \
  X(HISTORY_RESULTS, 32, "results of a health check that are kept")                                                    \
  X(SCRAPES, 4, "scrapes of the metrics at once")                                                                      \
  X(SOCKET_CLIENTS, 32, "clients of the local socket at once")                                                         \
  X(SOCKET_REQUEST_BYTES, 65536, "bytes of a request on the local socket")                                             \
  X(SOCKET_PIECE_BYTES, 1048576, "bytes of an answer on the local socket that wait for its reader")                    \
  X(SOCKET_ANSWER_BYTES, 134217728, "bytes of an answer on the local socket that the commands read")                   \
  X(HTTP_CONNECTIONS, 1024, "connections of the HTTP server at once")                                                  \
  X(HTTP_ADDRESS_CONNECTIONS, 512, "of these from one address that is not this host's")                                \
  X(HTTP_LISTEN, 16, "addresses that the HTTP server listens at")                                                      \
  X(HTTP_HEAD_BYTES, 16384, "bytes of an HTTP request's line and headers")                                             \
  X(HTTP_HEADERS, 100, "headers of an HTTP request")                                                                   \
  X(HTTP_QUERY_NAMES, 32, "names in the query of an HTTP request")                                                     \
  X(HTTP_FORM_FIELDS, 32, "fields of a form that an HTTP request brings")                                              \
  X(HTTP_BODY_BYTES, 131072, "bytes of an HTTP request's body")                                                        \
  X(HTTP_BODIES_BYTES, 16777216, "bytes of the bodies of all HTTP requests under way")                                 \
  X(HTTP_CHANGES, 1024, "changes asked for by HTTP that are under way")                                                \
  X(HTTP_ANNOUNCES, 768, "of these, announcements: withdraws always have room")                                        \
  X(HTTP_KEYS, 1024, "Idempotency-Keys that are remembered")                                                           \
  X(HTTP_KEY_BYTES, 128, "bytes of an Idempotency-Key")                                                                \
  X(HTTP_KEYS_BYTES, 8388608, "bytes of the answers that are remembered for Idempotency-Keys")                         \
  X(HTTP_REASON_BYTES, 512, "bytes of the reason that comes with a change by HTTP")                                    \
  X(HTTP_CALLERS, 1024, "tokens and addresses whose rate of HTTP requests is followed")                                \
  X(HTTP_DELAYED, 64, "wrong HTTP tokens whose answers are held back at once")                                         \
  X(HTTP_PIECE_BYTES, 1048576, "bytes of an HTTP answer that wait for its reader")

enum {
#define BC_LIMIT_ENUM(name, value, text) BC_LIMIT_##name = (value),
  BC_LIMIT_LIST(BC_LIMIT_ENUM)
#undef BC_LIMIT_ENUM
};

#endif
