/* printer.h - events as text, with the options that trace and show have in common. */
#ifndef TANDEM_CLI_PRINTER_H
#define TANDEM_CLI_PRINTER_H

#include "monitor/views.h"
#include "show/decode.h"
#include "show/filter.h"
#include "show/summary.h"
#include "show/symbols.h"

struct printer_options {
	struct show_options show;
	struct call_filter filter;
	const char *output;            /* -o; NULL: not given */
	bool backtraces, count, count_only;
};

/* For a command's table of options. */
#define PRINTER_OPTIONS \
	{NULL, 'e', "CALLS", 0, "only these: names, !names, file, network, process, memory, signal, time, random, signal=...", 0}, \
	{NULL, 's', "SIZE", 0, "show SIZE bytes of strings (default 32)", 0}, \
	{NULL, 'k', NULL, 0, "show the backtrace of each call", 0}, \
	{NULL, 'T', NULL, 0, "show the time that each call took", 0}, \
	{NULL, 't', NULL, 0, "show the time of day; -tt with microseconds, -ttt since 1970", 0}, \
	{NULL, 'c', NULL, 0, "count calls and times instead", 0}, \
	{NULL, 'C', NULL, 0, "count as well", 0}, \
	{NULL, 'v', NULL, 0, "do not abbreviate", 0}, \
	{NULL, 'q', NULL, 0, "no lines about births and deaths", 0}
/* Whether it is one of these. */
bool printer_option(struct printer_options *o, const char *command, int key, char *arg);

struct printer {
	const struct printer_options *o;
	struct summary summary;
	struct symbols *symbols;
	struct views views;
	struct buf text;
	int fd;
	bool lines;                    /* write each line at once */
	bool failed;                   /* it could not be written */
};

/* Opens o->output, or writes to `fd`. Ends the program with one line where it can't. */
void printer_start(struct printer *p, const struct printer_options *o, int fd);
/* Any event, in the order of the stream. One that was filtered out has its effect on what is known of the memory. */
void printer_event(struct printer *p, const struct event *e);
/* The table of -c, and what is still to be written. */
void printer_end(struct printer *p);
/* Write what is in p->text. */
void printer_flush(struct printer *p);

#endif
