/* gdb.h - a version that is debugged: a stub of gdb's remote protocol in its monitor.
 *
 * A tracee has one tracer, so gdb cannot attach: it talks to the monitor. That looks at the version's root process and its threads
 * where they stand between events; what the program gets still comes from the stream, so nothing that gdb does changes what happens.
 * Writing to registers or memory is refused for the same reason.
 *
 * How it goes wrong, and what is done about it:
 *  - A breakpoint is a byte in the program's text. Its instruction is made by one step with the byte taken out, which may end in a
 *    call instead of behind the instruction; whatever stop comes next puts the byte back.
 *  - A child's memory is a copy, breakpoints included: they are taken out before it runs.
 *  - A step may lead into a call. The call is the stream's; the step is over when the task has come back from it.
 *  - Memory is shown without the breakpoints. (A program that reads its own text sees them.)
 *  - A task may be stopped for something else when gdb wants it to stop: then that comes first.
 *  - The text under a breakpoint may have been unmapped: a byte is put back only where the trap still stands.
 *  - Between two events the leader's task may have been stopped at a point, and the replay takes its state over without computing it:
 *    breakpoints on that way are not met.
 */
#ifndef TANDEM_GDB_H
#define TANDEM_GDB_H

#include "monitor/monitor.h"

struct gdb;

/* gdb connects to the listening socket `fd` (gdb_listen), as our own user. The version stops at its first instruction, or before event
 * `at`, if not 0. With fd -1 it stops where it diverges, and says how to connect then. */
struct gdb *gdb_new(int fd, uint64_t at);
/* A socket for gdb at a free port of the loopback's, and the command that connects to it, for people; to be freed. -errno. */
int gdb_listen(const char *exe, char **ret_command);

/* All of these do nothing where m->gdb is NULL. */

/* t has its first image, or another one; the root waits there for gdb. */
void gdb_image(struct monitor *m, struct task *t, const char *path);
/* t (NULL: there is none) stands where it parts from the leader: it may be looked at before the version ends. */
void gdb_diverged(struct monitor *m, struct task *t, const char *report);
/* `e` is about to be acted upon by t, which stands still or is on its way. */
void gdb_event(struct monitor *m, struct task *t, const struct event *e);
/* t gets a signal for which no handler runs: it may be its end. */
void gdb_remark(struct monitor *m, struct task *t, const struct event *e);
/* A tick: has the user interrupted? */
void gdb_tick(struct monitor *m);
/* t is at a stop of any kind. True: it was the debugger's, and t goes on. */
bool gdb_stopped(struct monitor *m, struct task *t, int status);
/* A child of t's process was born, and has not run yet. */
void gdb_born(struct monitor *m, struct task *child);
/* Let t go on, by a step where gdb wants one. */
int gdb_resume(struct monitor *m, struct task *t, int sig);
/* A loop is about to be stepped through: breakpoints are out of the way (`away`), or in place again. */
void gdb_breakpoints_away(struct monitor *m, struct task *t, bool away);
/* The version has come to its end. */
void gdb_end(struct monitor *m, int status);

#endif
