/* why.h - shared between the files of `tandem why`. */
#ifndef TANDEM_CLI_WHY_H
#define TANDEM_CLI_WHY_H

#include <jansson.h>
#include <stdio.h>

#include "log/reader.h"
#include "monitor/coordinator.h"
#include "why/search.h"

struct experiment;

struct why {
	const char *path;              /* the recording */
	struct config cfg;
	struct log_reader *r;
	struct origins origins;
	struct search search;
	json_t *places;                 /* by event: where in the program it is (finding.c) */
	bool verbose;
};

/* ---- why.c ---- */
/* Where the program stood at the event; NULL: it is not known. Borrowed. */
const json_t *why_place(const struct why *w, uint64_t seq);
/* Which frame of a backtrace, from 0, is the first in the program itself, not in its libraries; -1: none. */
int why_own_frame(const json_t *frames);
/* A replay with other values; what it told, or NULL where it failed. `kinds`: see search_try. `explain`: see experiment.h. */
json_t *why_substituted(struct why *w, const uint32_t *which, uint32_t n, int amount, unsigned kinds, bool explain);
json_t *why_replay(struct why *w, const struct experiment *x, unsigned exposed);
json_t *why_told(const json_t *replay, const char *name);

/* An experiment in which nothing is another one. */
struct experiment why_experiment(const struct why *w);

/* ---- why_garbage.c ---- */
/* Where garbage is read first that makes a difference; NULL: it could not be found. To be released. */
json_t *why_reader(struct why *w);

/* ---- why_report.c ---- */
/* All that was found, with one more replay for each cause, to see where it shows. */
json_t *why_report(struct why *w, uint64_t ns);
/* As text, or as it is. The exit status: 0, or 1 where there are causes. */
int why_print(FILE *out, const json_t *report, bool json);

#endif
