#include "base/str.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DOCTOR_TEXT_BYTES = 1024 };

static const char *const doctor_level_texts[] = {
#define DOCTOR_LEVEL_TEXT(name, text) [name] = (text),
    BC_DOCTOR_LEVEL_LIST(DOCTOR_LEVEL_TEXT)
#undef DOCTOR_LEVEL_TEXT
};

void bc_doctor_add(struct bc_doctor *doctor, enum bc_doctor_level level, const char *subject, const char *code,
                   const char *why, const char *mend, const char *format, ...) {
  char finding[DOCTOR_TEXT_BYTES];
  char shown[DOCTOR_TEXT_BYTES];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(finding, sizeof finding, format, arguments);
  va_end(arguments);
  bc_screen_clean(finding, shown, sizeof shown);
  json_array_append_new(doctor->findings,
                        json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?}", "level", doctor_level_texts[level], "subject",
                                  subject, "code", code, "finding", shown, "why", why, "mend", mend));
}

/* The mend may have several lines: a block to paste. */
static void doctor_print_lines(const char *word, const char *text) {
  for (bool is_first = true; *text != '\0'; is_first = false) {
    size_t len = strcspn(text, "\n");
    char line[DOCTOR_TEXT_BYTES];
    char clean[DOCTOR_TEXT_BYTES];
    (void)snprintf(line, sizeof line, "%.*s", (int)len, text);
    bc_screen_clean(line, clean, sizeof clean);
    (void)printf("         %-6s%s\n", is_first ? word : "", clean);
    text += len + (text[len] == '\n' ? 1 : 0);
  }
}

static void doctor_print(const json_t *finding) {
  const char *level = bc_client_text(finding, "level");
  bool is_good = strcmp(level, "good") == 0;
  enum bc_screen_mood mood = is_good                      ? BC_SCREEN_GOOD
                             : strcmp(level, "bad") == 0  ? BC_SCREEN_BAD
                             : strcmp(level, "note") == 0 ? BC_SCREEN_PLAIN
                                                          : BC_SCREEN_WARN;
  char head[16];
  (void)snprintf(head, sizeof head, "%-9s", level);
  bc_screen_print(mood, head);
  (void)printf("%s: %s\n", bc_client_text(finding, "subject"), bc_client_text(finding, "finding"));
  doctor_print_lines("why", bc_client_text(finding, "why"));
  doctor_print_lines("do", bc_client_text(finding, "mend"));
}

/* Notes are no reason to wake somebody. */
static bool doctor_is_well(const json_t *findings) {
  size_t i;
  const json_t *finding;
  json_array_foreach(findings, i, finding) {
    const char *level = bc_client_text(finding, "level");
    if (strcmp(level, "good") != 0 && strcmp(level, "note") != 0) {
      return false;
    }
  }
  return true;
}

static void doctor_print_all(const struct bc_doctor *doctor) {
  size_t i;
  const json_t *finding;
  json_array_foreach(doctor->findings, i, finding) {
    doctor_print(finding);
  }
}

int bc_command_doctor(const struct bc_settings *settings) {
  struct bc_doctor doctor = {.settings = settings, .findings = json_array()};
  struct bc_settings quiet = *settings;
  quiet.is_json = false;
  int answered = bc_client_try_for_part(&quiet, bc_client_request("status"), &doctor.status);
  if (answered == BC_CLI_OK) {
    (void)bc_client_try_for_part(&quiet, bc_client_request("routes"), &doctor.routes);
  }
  bc_doctor_daemon(&doctor);
  bc_doctor_exabgp(&doctor);
  bc_doctor_store(&doctor);
  bc_doctor_host(&doctor);
  bc_doctor_second(&doctor);
  bool is_well = doctor_is_well(doctor.findings);
  if (settings->is_json) {
    json_t *made = json_pack("{s:b, s:O}", "well", is_well, "findings", doctor.findings);
    (void)json_dumpf(made, stdout, BC_CLI_JSON);
    (void)fputc('\n', stdout);
    json_decref(made);
  } else {
    doctor_print_all(&doctor);
  }
  json_decref(doctor.status);
  json_decref(doctor.routes);
  json_decref(doctor.findings);
  return is_well ? BC_CLI_OK : BC_CLI_BAD_NEWS;
}
