/* views.h - the leader's mappings of files, kept from its events: for backtraces of what it did. */
#ifndef TANDEM_VIEWS_H
#define TANDEM_VIEWS_H

#include "abi/event.h"
#include "monitor/task.h"

/* One address space. */
struct mm *view_new(void);                                   /* release with mm_put */
void view_exec(struct mm *view, const struct event *e);
void view_call(struct mm *view, const struct event *e);

/* All address spaces of a run, by number. Zero-initialised is empty. */
struct views {
	struct view { uint32_t space; struct mm *mm; } *view;
	int n;
	uint32_t *born_in;         /* by task: the address space it was born from */
	uint32_t room;
};
/* Take note of any event; returns the view that the event's own backtrace is to be read with, or NULL. */
struct mm *views_event(struct views *v, const struct event *e);
void views_free(struct views *v);

#endif
