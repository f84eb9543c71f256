/* diff.h - what the parts of `tandem diff` share. */
#ifndef TANDEM_CLI_DIFF_H
#define TANDEM_CLI_DIFF_H

#include <jansson.h>

#include "cli/printer.h"
#include "why/differences.h"
#include "why/values.h"

struct diff_side {
	const char *name;              /* as it was given */
	struct log_reader *r;
	struct story story;
	json_t *about;                 /* the recording's own words, or NULL */
};

struct diff_view {
	struct diff_side side[2];      /* A, B */
	struct differences d;
	struct printer *p;
	const struct show_options *show;
	uint32_t context, most;        /* lines before a difference; differences, 0: all */
	bool all;
};

/* The event of a change, or of a step so far before it, on side 0 or 1; NULL where that side has none. */
const struct event *diff_event(struct diff_view *v, const struct change *c, int side, uint32_t before);
/* What two values are of: "argument 2 (buf)", "result". And the value itself, of bytes those from the first that differs on. */
void diff_place(struct buf *out, const struct event *e, const struct value_difference *d);
void diff_value(struct buf *out, const struct value_difference *d, int side);
/* Whether the value is a string that is short enough to be shown from its beginning. */
bool diff_whole(const struct value_difference *d);
/* The offset of the first byte that differs, in what the argument points at; -1: they are no bytes. */
int64_t diff_offset(const struct value_difference *d);

void diff_text(struct diff_view *v);
void diff_json(struct diff_view *v);

#endif
