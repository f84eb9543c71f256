/* align.h - two sequences side by side: which element of one stands for which of the other.
 *
 * Elements are tokens, compared as numbers. Memory is at most 28 bytes per element that is left between a common beginning and a
 * common end, and time n log n plus n times ALIGN_EFFORT at worst: see align.c.
 */
#ifndef TANDEM_WHY_ALIGN_H
#define TANDEM_WHY_ALIGN_H

#include "base/base.h"

#define ALIGN_NONE UINT32_MAX

struct align_range { uint32_t a0, a1, b0, b1; };

/* For each element of `r` in `a` the one of `b` that it stands beside, or ALIGN_NONE, into match[]. Matches never cross. */
void align(const uint64_t *a, const uint64_t *b, struct align_range r, uint32_t *match);

#endif
