/* decode.h - text from events, as strace writes it.
 *
 * Everything is printed from the event alone: the leader is not asked, so a recording prints the same.
 * What the event does not carry is printed as an address or a number. Nothing here fails, and nothing is
 * allocated but the growth of `out`. An event must have passed event_valid.
 */
#ifndef TANDEM_SHOW_DECODE_H
#define TANDEM_SHOW_DECODE_H

#include "abi/event.h"
#include "base/base.h"

enum { STAMP_NONE, STAMP_SECONDS, STAMP_MICRO, STAMP_UNIX };
enum { TASK_IDS_NONE, TASK_IDS_BRACKETS, TASK_IDS_PLAIN };

struct show_options {
	size_t string_max;      /* -s: bytes of a string or buffer, elements of a list; see SHOW_DEFAULTS */
	bool fd_paths;          /* -y: 3</etc/passwd> */
	bool syscall_times;     /* -T: <0.000012> after the result */
	int timestamps;         /* STAMP_NONE, -t STAMP_SECONDS, -tt STAMP_MICRO, -ttt STAMP_UNIX */
	int task_ids;           /* TASK_IDS_BRACKETS "[17] ", TASK_IDS_PLAIN "17 " */
	bool verbose;           /* also what is there for followers: EV_START, EV_RUN, EV_MARK, EV_END... */
	bool abbreviate;        /* long structures and environments are cut short */
	unsigned align;         /* column of the " = ", 0: right after the call (strace -a; its default 40) */
};
#define SHOW_DEFAULTS ((struct show_options){.string_max = 32, .abbreviate = true})

/* "openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3": no prefix, no newline. For EV_CALL,
 * EV_ENTER, EV_LEAVE and EV_INSN; of an EV_ENTER only what is known by then.
 */
void show_call(struct buf *out, const struct event *e, const struct show_options *o);

/* The whole line of any event, with prefix and newline; nothing for events that are only there for
 * followers (unless verbose).
 */
void show_event(struct buf *out, const struct event *e, const struct show_options *o);

/* Pieces of it, for reports. Arguments count from 0; one that the call does not have is a number. */
void show_name(struct buf *out, const struct event *e);
void show_args(struct buf *out, const struct event *e, const struct show_options *o);
void show_one_argument(struct buf *out, const struct event *e, int index, const struct show_options *o);
void show_result(struct buf *out, const struct event *e, const struct show_options *o);
int  show_argument_count(const struct event *e);

/* A number by its kind (enum kind) and set (enum set_id), without an event. */
void show_value(struct buf *out, int kind, unsigned set, uint64_t value);

#endif
