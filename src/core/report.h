/* What is told of the state: one set of structures for the status key, the local socket, HTTP and tables. All JSON that
 * is made here is owned by the caller. Included by core/private.h. */
#ifndef BC_CORE_REPORT_H
#define BC_CORE_REPORT_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct bc_core;
struct bc_sock_answer;
struct core_route;

/* ---- report.c ---- */
json_t *core_report_status(struct bc_core *core);
json_t *core_report_store(struct bc_core *core);
json_t *core_report_summary(struct bc_core *core);
json_t *core_report_workers(struct bc_core *core);
json_t *core_report_neighbors(struct bc_core *core);
json_t *core_report_warnings(struct bc_core *core);
json_t *core_report_text(const char *text); /* or null */
json_t *core_report_time(int64_t wall_ms);
void core_report_print(const json_t *made, struct bc_buf *to);
/* ---- report_route.c ---- */
json_t *core_report_route(struct bc_core *core, const struct core_route *route);
/* What a table needs of it. */
json_t *core_report_route_brief(struct bc_core *core, const struct core_route *route);
/* What the event tells when people see something else of it. */
json_t *core_report_route_event(struct bc_core *core, const struct core_route *route);
/* The member `state` of these; static. */
const char *core_route_state_text(const struct bc_core *core, const struct core_route *route);
/* ---- list.c ---- */
enum core_list_of { CORE_LIST_ROUTES, CORE_LIST_CHECKS };
/* Begins the answer to `routes` or `checks`; NULL, or what is wrong with the request. Its members: `name`, a name or a
 * glob, or an array of such (a route's own check has the route's name); of routes also `state`, the same of states,
 * `q`, a text that its name, prefix or reason has in it, whatever the case; `brief`: as core_report_route_brief.
 * Without the first three of these what is foreign is told too. */
const char *core_list_begin(struct bc_core *core, enum core_list_of of, const json_t *request,
                            struct bc_sock_answer *answer);
/* ---- recall.c ---- */
/* Begins the answer to `decisions`; NULL, or what is wrong with the request. */
const char *core_recall_begin(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer);
/* The same for who makes something else of it: begun (NULL, or what is wrong with the request), looked at every few
 * milliseconds until it is ready, ended. */
struct core_recall;
const char *core_recall_new(struct bc_core *core, const json_t *request, struct core_recall **made);
bool core_recall_is_ready(struct core_recall *recall);
/* The disk did not answer in time. */
bool core_recall_has_failed(const struct core_recall *recall);
/* The i-th decision that was found, the newest first; NULL behind the last. The caller's. */
json_t *core_recall_get(const struct core_recall *recall, size_t i);
void core_recall_end(struct core_recall *recall);
/* ---- trial.c ---- */
/* Begins the answer to `script`; NULL, or what is wrong with the request. */
const char *core_trial_begin(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer);
/* The same of `context`: what a route's policy is told, and the policy itself. */
const char *core_trial_begin_context(struct bc_core *core, const json_t *request, struct bc_sock_answer *answer);

#endif
