/* follower.h - shared between the files of the followers' monitor. */
#ifndef TANDEM_FOLLOWER_H
#define TANDEM_FOLLOWER_H

#include <jansson.h>

#include "monitor/compare.h"
#include "monitor/monitor.h"

/* ---- follower.c ---- */
/* Wait until t stands somewhere (t->at != AT_RUNNING); other tasks' stops are taken note of. */
void follower_wait(struct monitor *m, struct task *t);
/* A part of that: one stop of any task, or a tick. Does not return where t is lost, and never comes. */
void follower_serve(struct monitor *m, struct task *t);
/* What kind of divergence it is that t stands where it stands, and not where the leader's event is. */
const char *follower_kind_of(const struct task *t);
/* Take note of a stop that waitpid reported. */
void follower_arrive(struct monitor *m, pid_t tid, int status);
/* Let t go on in the program, delivering sig (0: none). */
void follower_go(struct monitor *m, struct task *t, int sig);
/* At a seccomp stop: run the call as it stands in the registers, to its exit stop. *ret: its result. */
int follower_run_call(struct monitor *m, struct task *t, int64_t *ret);
/* Copy the event's PART_OUTs into t's memory. */
void follower_scatter(struct monitor *m, struct task *t, const struct event *e);

/* ---- cookies.c: what a follower in a layout of its own must translate ---- */
/* epoll_ctl: which cookie of the leader's is which of ours. */
void cookie_learn(struct task *t, const struct event *e);
/* epoll_wait has returned `n` events with the leader's cookies. */
void cookies_translate(struct task *t, int64_t n);

/* ---- rebuild.c ---- */
/* t stands at its exec: put the image of the event in the place of its program. t stands at the exit
 * stop afterwards, with the leader's registers. 0, or -errno and a reason in *ret_why. */
int rebuild_exec(struct monitor *m, struct task *t, const struct event *e, const char **ret_why);
/* The same for the root, which stands at the exit stop of the exec of tandem's own program. */
int rebuild_image(struct monitor *m, struct task *t, const struct event *e, const char **ret_why);
/* At a seccomp stop of mmap, of a file whose bytes the producer keeps. *ret: where it is now. */
/* t's mremap is made, and has left its mapping at `at`: where it is of a file and larger now, what is new gets the file's bytes. */
int rebuild_growth(struct monitor *m, struct task *t, const struct event *e, uint64_t at, const char **ret_why);
int rebuild_mapping(struct monitor *m, struct task *t, const struct event *e, int64_t *ret, const char **ret_why);

/* ---- each.c: calls that every version executes on itself ---- */
/* Runs it; t stands at the exit stop (or is gone: exit). *ret is its result here. */
/* t's call, whose result and outputs are the leader's already, may have set how far a stack may grow: that has to be so in this
 * version as well, in t's process or another one. 0 or -errno. */
int each_stack_limit(struct monitor *m, struct task *t);
int each_run(struct monitor *m, struct task *t, const struct event *e, int64_t *ret, const char **ret_why);
int each_birth(struct monitor *m, struct task *t, const struct event *e, const char **ret_why);

/* ---- for experiments ---- */
/* t has to stand at the entry of a call: where it does not, that is a divergence. */
void follower_need_call(struct monitor *m, struct task *t, const struct event *e);
/* t's call, which nobody else makes, returns `result`, and t goes on. */
void follower_answer(struct monitor *m, struct task *t, int64_t result);
/* The instruction that t stands at gets this machine's values, and t goes on. */
void follower_own_insn(struct monitor *m, struct task *t);

/* ---- finding.c: what to say when versions part ---- */
/* Of the difference `d` (NULL: another call): what a report says of a divergence. */
json_t *finding_json(struct monitor *m, struct task *t, const struct event *e, const char *kind, const struct difference *d);
/* Where t stands, and what the recording has there. */
json_t *finding_place(struct monitor *m, struct task *t, const struct event *e);
/* To the coordinator, made to fit. Releases j. */
void finding_send(struct monitor *m, int kind, int64_t value, json_t *j);
/* This version is done. */
_Noreturn void finding_end(struct monitor *m);
/* kind: "call", "argument", "output", "exit", "crash", "signal", "hang", "unsupported", "killed". Sends the
 * finding to the coordinator, ends this version. Does not return. */
_Noreturn void diverge(struct monitor *m, struct task *t, const struct event *e, const char *kind,
                       const struct difference *d, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

#endif
