/* store.h - the bytes of files that followers map, kept by the stream's producer.
 *
 * A follower may be an hour behind: the file that the leader mapped is deleted or overwritten by then.
 * So the leader's monitor copies what is mapped, when it is mapped, into a memfd: once per identity
 * (device, inode, size, times) and range. The copy is read from the leader's own memory: opening the file
 * again would raise inotify events, and block leases. A follower's task opens the memfd by its place in
 * /proc/PRODUCER/fd, so there is no protocol, and a replay can produce the same.
 */
#ifndef TANDEM_STORE_H
#define TANDEM_STORE_H

#include "monitor/monitor.h"

/* When to copy: at once; a large range may wait and be copied in the background (copier.h); at once, and each time anew,
 * since the program writes to the file by a mapping. */
enum store_how { STORE_NOW, STORE_LATER, STORE_MAPPED };
/* Describe the file that t has mapped at `addr` (`len` bytes of it from `offset`), known as `path`;
 * `stat_path` is where to look at it (a magic link in /proc). Keeps the bytes when somebody follows.
 * 0 or -errno: an identity without bytes has store == ~0. */
int store_keep(struct monitor *m, struct task *t, const char *stat_path, uint64_t addr, uint64_t len,
               uint64_t offset, enum store_how how, struct file_id *ret);
/* The device of System V segments, whose inode is their number: the kernel has none like it. */
#define SEGMENT_DEV (~0ull)
/* The same of what t has just mapped and nothing in /proc leads to: a segment, or more of a file that was mapped before. It is known
 * by its numbers alone, and copied anew each time. */
int store_keep_memory(struct monitor *m, struct task *t, const struct mapping *map, struct file_id *ret);
/* A number that changes with the file: of its size and times. 0: they may not tell of a change right after. */
uint64_t file_state(const struct file_id *id);
/* The descriptor from which what is kept of a mapping can be read: -1 if not all of it is there yet. */
int store_of(struct monitor *m, const struct mapping *map);
/* Append PART_FILE with the identity and the path to the event being built. */
void store_publish(struct monitor *m, const struct file_id *id, const char *path, int arg);

/* A call that moves bytes from descriptor to descriptor is about to run. */
void store_prepare_move(struct monitor *m, struct task *t);
/* A call of the class WRITES or WRITES3 has returned: if it changed a kept file, append PART_APPLY. */
void store_changed(struct monitor *m, struct task *t, int64_t result);
/* Whether a call may cut a file: truncate, or an open with O_TRUNC. */
bool call_truncates(const struct task *t);
/* Where in /proc the monitor finds the file that a call names by its first argument, or (`at`) by a directory and its
 * second; false where its memory can't be read. */
bool call_path(struct task *t, bool at, char *ret, size_t room);
/* The same for calls that may cut a file. */
bool call_truncates_path(struct task *t, char *ret, size_t room);
/* Such a call has returned. */
void store_truncated(struct monitor *m, struct task *t, int64_t result);
/* A call has opened or closed descriptors: what is remembered of them is void. */
void store_forget_fds(struct task *t, int64_t result);

/* The names behind the descriptors among t's arguments (and its result), as PART_NAMEs. */
void store_fd_names(struct monitor *m, struct task *t, int64_t result);

/* ---- the image of a process fresh from exec (leader) ---- */
/* Append PART_IMAGE, its PART_FILEs and the bytes that differ from the files to the event. */
int image_publish(struct monitor *m, struct task *t);

#endif
