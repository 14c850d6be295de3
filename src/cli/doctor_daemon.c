/* What the daemon says of itself, and ExaBGP's part in it. */
#include "cli/client.h"
#include "cli/doctor.h"

#include <stdio.h>
#include <string.h>

enum { DOCTOR_FOREIGN_SHOWN = 5 };

#define DOCTOR_BLOCK                                                                                                   \
  "process bgpcommander {\n"                                                                                           \
  "  run /usr/bin/bgpcommander;\n"                                                                                     \
  "  encoder json;\n"                                                                                                  \
  "}\n"                                                                                                                \
  "and in each neighbor:\n"                                                                                            \
  "  api {\n"                                                                                                          \
  "    processes [ bgpcommander ];\n"                                                                                  \
  "    neighbor-changes;\n"                                                                                            \
  "    send { parsed; update; }\n"                                                                                     \
  "  }"

/* ---- the daemon ---- */

static void daemon_worker(struct bc_doctor *doctor, const char *name, const json_t *worker) {
  const char *state = bc_client_text(worker, "state");
  const char *confinement = bc_client_text(worker, "confinement");
  if (strcmp(state, "restarting") == 0) {
    bc_doctor_add(doctor, BC_DOCTOR_BAD, "worker", "worker-down", "no check of this worker runs meanwhile",
                  "look at the log, where its end is told; it is started again by itself",
                  "the worker for %s does not run (%lld restarts)", name, bc_client_number(worker, "restarts"));
  }
  if (strcmp(state, "running") == 0 && strcmp(confinement, "none") == 0 && strcmp(name, "shell checks") != 0) {
    bc_doctor_add(doctor, BC_DOCTOR_NOTE, "confinement", "confinement-none",
                  "a script that breaks out of the Lua sandbox would have the rights of this user",
                  "run a kernel with seccomp and Landlock (5.13 or later)", "the worker for %s is not confined", name);
  }
}

static void daemon_workers(struct bc_doctor *doctor) {
  const json_t *workers = json_object_get(doctor->status, "workers");
  size_t i;
  const json_t *worker;
  daemon_worker(doctor, "shell checks", json_object_get(workers, "exec"));
  daemon_worker(doctor, "policies", json_object_get(workers, "policy"));
  json_array_foreach(json_object_get(workers, "lua"), i, worker) {
    daemon_worker(doctor, "Lua checks", worker);
  }
}

static void daemon_warnings(struct bc_doctor *doctor) {
  size_t i;
  const json_t *warning;
  json_array_foreach(json_object_get(doctor->status, "warnings"), i, warning) {
    bc_doctor_add(doctor, BC_DOCTOR_WARNING, "daemon", "warning", NULL, NULL, "%s",
                  json_is_string(warning) ? json_string_value(warning) : "");
  }
}

/* That it is silent, or not for us, is no reason to start another. */
static void daemon_absent(struct bc_doctor *doctor) {
  const char *node = doctor->settings->node;
  long long pid;
  switch (bc_client_absence(doctor->settings, &pid)) {
  case BC_CLIENT_DENIED:
    bc_doctor_add(doctor, BC_DOCTOR_WARNING, "daemon", "socket-denied",
                  "whether it is well cannot be told from here; most of what follows is about this user, not about it",
                  "run this as root, or as the user that ExaBGP runs as: sudo -u exabgp bgpcommander doctor",
                  "the daemon of node %s may run, but this user may not open its socket", node);
    return;
  case BC_CLIENT_SILENT:
    bc_doctor_add(doctor, BC_DOCTOR_BAD, "daemon", "daemon-silent",
                  "nothing is checked, announced or withdrawn while it hangs; what ExaBGP announces stays as it is",
                  "see what holds it (ps -o pid,stat,wchan,args -p PID; is its disk full, or gone?); kill -9 PID has "
                  "another core started in its place, and no route moves",
                  "the daemon of node %s, process %lld, takes the question and does not answer", node, pid);
    return;
  case BC_CLIENT_NONE:
  default:
    bc_doctor_add(doctor, BC_DOCTOR_BAD, "daemon", "no-daemon",
                  "nothing is checked, announced or withdrawn; what ExaBGP announces stays as it is",
                  "have ExaBGP start it; this in its configuration, then reload it:\n" DOCTOR_BLOCK,
                  "no daemon of node %s answers on its socket", node);
  }
}

void bc_doctor_daemon(struct bc_doctor *doctor) {
  const char *node = doctor->settings->node;
  if (doctor->status == NULL) {
    daemon_absent(doctor);
    return;
  }
  bool is_safe = strcmp(bc_client_text(doctor->status, "mode"), "safe") == 0;
  if (is_safe) {
    bc_doctor_add(
        doctor, BC_DOCTOR_BAD, "daemon", "safe-mode",
        "core crashed three times within a minute: only what was last known good is announced, without checks",
        "look at the log for the crash, then `bgpcommander upgrade`", "the daemon is in safe mode");
  } else {
    bc_doctor_add(doctor, BC_DOCTOR_GOOD, "daemon", "daemon", NULL, NULL, "bgpcommander %s of node %s, pid %lld",
                  bc_client_text(doctor->status, "version"), node, bc_client_number(doctor->status, "pid"));
  }
  if (bc_client_number(doctor->status, "recordsLost") > 0) {
    bc_doctor_add(doctor, BC_DOCTOR_WARNING, "records", "records-lost", "`why` does not know of these decisions",
                  "see whether the disk of the state directory is full or slow", "%lld decision records were lost",
                  bc_client_number(doctor->status, "recordsLost"));
  }
  daemon_workers(doctor);
  daemon_warnings(doctor);
}

/* ---- ExaBGP ---- */

static void exabgp_foreign(struct bc_doctor *doctor) {
  const json_t *list = json_object_get(doctor->routes, "foreign");
  long long total = bc_client_number(doctor->routes, "foreignTotal");
  for (size_t i = 0; i < json_array_size(list) && i < DOCTOR_FOREIGN_SHOWN; i++) {
    const json_t *one = json_array_get(list, i);
    bc_doctor_add(
        doctor, BC_DOCTOR_NOTE, "exabgp", "foreign", "it is announced, and is not ours: nothing here ever touches it",
        "if nobody else announces it, withdraw it with ExaBGP's own command line, or restart ExaBGP in a quiet "
        "hour",
        "neighbor %s has %s", bc_client_text(one, "neighbor"), bc_client_text(one, "text"));
  }
  if (total > DOCTOR_FOREIGN_SHOWN) {
    bc_doctor_add(doctor, BC_DOCTOR_NOTE, "exabgp", "foreign-more", NULL, "see all with `bgpcommander routes`",
                  "and %lld more that are not ours", total - DOCTOR_FOREIGN_SHOWN);
  }
}

/* What is wanted here and is kept from us by what stands there. */
static void exabgp_kept_off(struct bc_doctor *doctor) {
  const char *first = NULL;
  size_t count = 0;
  size_t i;
  const json_t *route;
  json_array_foreach(json_object_get(doctor->routes, "routes"), i, route) {
    if (strcmp(bc_client_text(route, "state"), "foreign") == 0) {
      first = first == NULL ? bc_client_text(route, "name") : first;
      count++;
    }
  }
  if (count > 0) {
    bc_doctor_add(
        doctor, BC_DOCTOR_WARNING, "routes", "kept-off",
        "neither its check nor its policy moves what the neighbors have of it: that is somebody else's",
        "take the key away, or the one that stands: from ExaBGP's configuration, or from the other program that "
        "announces it",
        count == 1 ? "%s is wanted, and stands in ExaBGP already without being ours"
                   : "%s and others are wanted, and stand in ExaBGP already without being ours",
        first);
  }
}

/* Members of the summary that say that something wanted is not with the routers. */
static void exabgp_summary(struct bc_doctor *doctor) {
  static const struct {
    const char *member, *why, *mend;
    enum bc_doctor_level level;
  } counts[] = {
      {"unconfirmed", "ExaBGP was told, and not all neighbors were seen to be sent it",
       "look at ExaBGP's log; it is announced again up to three times, then once a minute", BC_DOCTOR_BAD},
      {"refused", "ExaBGP answered `error`: the route is not announced", "see why with `bgpcommander routes`",
       BC_DOCTOR_BAD},
      {"faulty", "a key of theirs has a mistake: what was good before stays in force, and a new one is not announced",
       "see which with `bgpcommander routes`; `bgpcommander lint --store` looks at all keys", BC_DOCTOR_WARNING},
      {"standby", "no session is up that carries their family", "see `bgpcommander neighbors`", BC_DOCTOR_WARNING},
  };
  const json_t *summary = json_object_get(doctor->status, "summary");
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    long long count = bc_client_number(summary, counts[i].member);
    if (count > 0) {
      bc_doctor_add(doctor, counts[i].level, "routes", counts[i].member, counts[i].why, counts[i].mend, "%lld %s %s",
                    count, count == 1 ? "route is" : "routes are", counts[i].member);
    }
  }
}

void bc_doctor_exabgp(struct bc_doctor *doctor) {
  const json_t *exabgp = json_object_get(doctor->status, "exabgp");
  const char *version = bc_client_text(exabgp, "version");
  if (doctor->status == NULL) {
    return;
  }
  if (strcmp(bc_client_text(exabgp, "state"), "synced") != 0) {
    bc_doctor_add(doctor, BC_DOCTOR_BAD, "exabgp", "not-synced",
                  "nothing new is announced before it is known what stands",
                  "see ExaBGP's log; this in its configuration, then restart it:\n" DOCTOR_BLOCK,
                  "ExaBGP has not told what stands yet");
  } else {
    bc_doctor_add(doctor, BC_DOCTOR_GOOD, "exabgp", "exabgp", NULL, NULL, "version %s, synced",
                  version[0] == '\0' ? "unknown" : version);
  }
  if (!bc_client_is_true(exabgp, "acks")) {
    bc_doctor_add(doctor, BC_DOCTOR_WARNING, "exabgp", "no-acks",
                  "what ExaBGP refuses is not seen, and a change is confirmed later",
                  "in the environment of ExaBGP, or in exabgp.env: exabgp.api.ack=true",
                  "commands are not acknowledged");
  }
  if (!bc_client_is_true(exabgp, "wire")) {
    bc_doctor_add(doctor, BC_DOCTOR_WARNING, "exabgp", "no-wire",
                  "a route counts as announced after a pause, without being seen to be sent",
                  "this in ExaBGP's configuration, then reload it:\n" DOCTOR_BLOCK,
                  "no neighbor reports what is sent to it");
  }
  exabgp_summary(doctor);
  exabgp_kept_off(doctor);
  exabgp_foreign(doctor);
}
