/* The talk with ExaBGP, as link.c and neighbor.c carry it on. Included by core/private.h. */
#ifndef BC_CORE_LINK_H
#define BC_CORE_LINK_H

#include "base/buf.h"
#include "io/exabgp_pipe.h"
#include "io/loop.h"
#include "proto/exabgp.h"

enum core_link_phase {
  LINK_SYNC,     /* finding our own answers behind those to a dead core */
  LINK_CONFIG,   /* show neighbor configuration */
  LINK_DETAIL,   /* show neighbor extensive */
  LINK_STANDING, /* show adj-rib out extensive */
  LINK_READY
};

struct core_link {
  struct bc_exabgp_pipe *pipe;
  struct bc_exabgp *codec;
  struct bc_timer *pump_timer;
  struct bc_timer *rib_timer;
  struct bc_timer *watchdog;
  enum core_link_phase phase;
  unsigned digits[3];      /* the pattern that tells our answers from a dead core's */
  unsigned dones[4];       /* acks after each of the last headers */
  unsigned headers;        /* seen since start */
  bool any_ack;            /* an ack was seen since start */
  bool acks_off;           /* ExaBGP does not acknowledge */
  bool is_text_encoder;    /* the last message was one of `encoder text` */
  unsigned advised;        /* advice.c */
  bool is_query;           /* an answer of ours is being read (phase CONFIG … STANDING) */
  bool is_answered;        /* … and its own ack came */
  bool is_ending;          /* … and the header of the summary behind it */
  bool ask_again;          /* it was not answered, without that answer there is no start */
  unsigned asked;          /* how often in a row */
  bool want_config;        /* ask again: something about the neighbors is not as it was told */
  bool want_detail;        /* ask again: a session came up */
  int64_t config_pause_ms; /* between two questions for the configuration: grows while they bring nothing new */
  struct bc_mono config_asked;
  struct bc_mono asking_since;   /* the first of the questions that follow each other */
  struct bc_mono commands_until; /* no question before: commands come first for a while after each */
  unsigned patterns;             /* sent so far */
  bool is_pattern_heard;         /* ExaBGP has answered something since the last one */
  bool knows_sessions;           /* ExaBGP has told once since the start which neighbors it has */
  struct bc_mono heard;          /* the last answer, while in LINK_SYNC */
  struct bc_buf unknown;         /* messages about neighbors that we were not told of, a line each */
  bool line_pending;             /* `line` waits for room in the pipe */
  struct bc_buf line;
  bool is_pipe_full;
  char version[32]; /* "4.2.21", "" = not told yet */
  size_t standing_lines;
  struct bc_mono started;
};

#endif
