/* given.h - which of a program's descriptors are the standard output or error that it was given.
 *
 * A replay has none of the program's descriptors, but a person wants to see what it prints. So the numbers are followed through
 * the events: dup and its kind, close, exec, births. What is opened anew (/dev/tty, /dev/stdout) or comes over a socket is not
 * recognised.
 */
#ifndef TANDEM_GIVEN_H
#define TANDEM_GIVEN_H

#include "abi/event.h"

/* The flags (CLONE_...) of a call that made a task. */
uint64_t birth_flags(const struct event *e);

struct given *given_new(void);
/* Take note of any event. */
void given_event(struct given *g, const struct event *e);
/* 1 or 2: what the descriptor `fd` of a task leads to; else 0. */
int given_which(const struct given *g, uint32_t task, int fd);

#endif
