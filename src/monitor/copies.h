/* copies.h - a follower's own copies of files that its version has mapped.
 *
 * What the program writes into a shared mapping belongs to its version alone: all its processes share one copy, a
 * memfd of this monitor. And what the program changes in a mapped file by calls shows in its mappings, as it does in
 * the leader's: in shared ones always, in private ones where the page was not written to yet.
 */
#ifndef TANDEM_COPIES_H
#define TANDEM_COPIES_H

#include "monitor/monitor.h"

/* The descriptor (in this monitor) of the version's copy of a file, with the kept range of `id` brought up to the
 * leader's state. -errno. */
int copy_shared(struct monitor *m, const struct file_id *id);
/* An event's PART_APPLYs. */
void copy_apply(struct monitor *m, const struct event *e);

#endif
