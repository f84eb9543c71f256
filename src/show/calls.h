/* calls.h - what no table says about single calls and instructions. */
#ifndef TANDEM_SHOW_CALLS_H
#define TANDEM_SHOW_CALLS_H

#include "show/view.h"

/* An argument that means nothing here: open's mode without O_CREAT. From 0. */
bool hidden_argument(const struct view *v, int i);

/* An argument whose names depend on others. False: not special, nothing was written. */
bool special_argument(struct view *v, int i);

/* Calls whose arguments are shown in an order of their own: clone. */
bool has_own_way(const struct view *v);
void show_own_way(struct view *v);

/* What select and poll report, after their result: " ([{fd=0, revents=POLLIN}])". */
void show_report(struct view *v);

/* The descriptors below `nfds` that are set. */
void show_fdset(struct buf *out, const uint8_t *at, uint64_t n, int nfds);

void show_insn_args(struct view *v);
void show_insn_result(struct view *v);

#endif
