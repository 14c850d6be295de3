#include "cli/when.h"

#include "base/duration.h"
#include "base/mono.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WHEN_SECOND_MS = 1000 };

/* ".123" → 123; `without` where there is none. */
static bool when_fraction(const char **rest, int64_t without, int64_t *ms) {
  int64_t unit = 100;
  const char *at = *rest;
  *ms = without;
  if (*at != '.') {
    return true;
  }
  *ms = 0;
  for (at++; *at >= '0' && *at <= '9'; at++) {
    *ms += (*at - '0') * unit;
    unit /= 10;
  }
  bool is_good = at[-1] != '.';
  *rest = at;
  return is_good;
}

/* "Z", "+01:00" */
static bool when_offset(const char *rest, int64_t *seconds) {
  uint64_t hours, minutes;
  if (strcmp(rest, "Z") == 0 || strcmp(rest, "z") == 0) {
    *seconds = 0;
    return true;
  }
  if (strlen(rest) != strlen("+00:00") || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':' ||
      bc_str_to_u64((struct bc_str){.at = rest + 1, .len = 2}, 23, &hours) != BC_ERR_OK ||
      bc_str_to_u64((struct bc_str){.at = rest + 4, .len = 2}, 59, &minutes) != BC_ERR_OK) {
    return false;
  }
  *seconds = (int64_t)(hours * 60 + minutes) * 60 * (rest[0] == '+' ? 1 : -1);
  return true;
}

static bool when_full(const char *text, int64_t without, int64_t *at_ms) {
  struct tm parts = {0};
  int64_t ms, offset;
  const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
  rest = rest != NULL ? rest : strptime(text, "%Y-%m-%d %H:%M:%S", &parts);
  if (rest == NULL || !when_fraction(&rest, without, &ms) || !when_offset(rest, &offset)) {
    return false;
  }
  int day = parts.tm_mday;
  *at_ms = ((int64_t)timegm(&parts) - offset) * WHEN_SECOND_MS + ms;
  return *at_ms > 0 && parts.tm_mday == day; /* timegm takes February 30 for a day of March */
}

static bool when_today(const char *text, int64_t without, int64_t *at_ms) {
  time_t now = (time_t)(bc_wall_now_ms() / WHEN_SECOND_MS);
  struct tm clock = {0};
  struct tm parts;
  const char *rest = strptime(text, "%H:%M:%S", &clock);
  if (rest == NULL) {
    clock = (struct tm){0};
    rest = strptime(text, "%H:%M", &clock);
  }
  if (rest == NULL || *rest != '\0' || localtime_r(&now, &parts) == NULL) {
    return false;
  }
  parts.tm_hour = clock.tm_hour;
  parts.tm_min = clock.tm_min;
  parts.tm_sec = clock.tm_sec;
  parts.tm_isdst = -1;
  *at_ms = (int64_t)mktime(&parts) * WHEN_SECOND_MS + without;
  return *at_ms > 0;
}

static bool when_ago(const char *text, int64_t *at_ms) {
  unsigned ago_ms;
  if (bc_duration_parse(bc_str_of(text), &ago_ms) != BC_ERR_OK) {
    return false;
  }
  *at_ms = bc_wall_now_ms() - ago_ms;
  return true;
}

static bool when_parse(const char *option, const char *text, int64_t without, int64_t *at_ms) {
  bool is_good = when_ago(text, at_ms) || when_full(text, without, at_ms) || when_today(text, without, at_ms);
  if (!is_good) {
    (void)fprintf(stderr,
                  "%s: expected a time such as 2026-11-23T07:50:53Z, 07:50 or 07:50:53 for today, or so long ago: 5m\n",
                  option);
  }
  return is_good;
}

bool bc_when_parse(const char *option, const char *text, int64_t *at_ms) {
  return when_parse(option, text, 0, at_ms);
}

bool bc_when_parse_end(const char *option, const char *text, int64_t *at_ms) {
  return when_parse(option, text, WHEN_SECOND_MS - 1, at_ms);
}

void bc_when_print(int64_t at_ms, int64_t other_ms, char text[static 64]) {
  time_t at = (time_t)(at_ms / WHEN_SECOND_MS);
  time_t other = (time_t)(other_ms / WHEN_SECOND_MS);
  unsigned ms = (unsigned)(at_ms % WHEN_SECOND_MS);
  struct tm parts = {0};
  struct tm others = {0};
  char day[16], clock[16], zone[8];
  (void)localtime_r(&at, &parts);
  (void)localtime_r(&other, &others);
  (void)strftime(day, sizeof day, "%Y-%m-%d", &parts);
  (void)strftime(clock, sizeof clock, "%H:%M:%S", &parts);
  (void)strftime(zone, sizeof zone, "%z", &parts);
  bool is_same_day = other_ms != 0 && parts.tm_yday == others.tm_yday && parts.tm_year == others.tm_year;
  if (is_same_day) {
    (void)snprintf(text, 64, "%s.%03u", clock, ms);
  } else {
    (void)snprintf(text, 64, "%s %s.%03u %s", day, clock, ms, zone);
  }
}
