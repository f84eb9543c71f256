/* copies.c - see copies.h. */
#define _GNU_SOURCE
#include "monitor/copies.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct copy { uint64_t dev, ino; int fd; };

static struct copy *copies;
static int ncopies;

/* Pages of private mappings that hold nothing but what was applied to them. */
static struct applied { const struct mm *mm; uint64_t page; } *applied;
static int napplied, room_applied;

static struct copy *find(uint64_t dev, uint64_t ino)
{
	for (int i = 0; i < ncopies; i++)
		if (copies[i].dev == dev && copies[i].ino == ino)
			return &copies[i];
	return NULL;
}

/* What nobody has mapped any more is brought anew when it is mapped again: a file of the same number may be another one. */
static void drop_unmapped(const struct monitor *m)
{
	for (int i = 0; i < ncopies; i++) {
		if (file_is_mapped(m, copies[i].dev, copies[i].ino, MAPPED_SHARED))
			continue;
		close(copies[i].fd);
		copies[i--] = copies[--ncopies];
	}
}

static int bring(struct monitor *m, int to, const struct file_id *id)
{
	char path[64], *a, *b;
	uint64_t end = min_of(page_up(id->size), page_up(id->to));
	int from;

	if (id->from >= end)
		return 0;
	snprintf(path, sizeof(path), "/proc/%u/fd/%u", m->s->ring.h->producer, id->store);
	from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return -errno;
	a = mmap(NULL, end - id->from, PROT_READ, MAP_SHARED, from, id->from);
	close(from);
	if (a == MAP_FAILED)
		return -errno;
	b = mmap(NULL, end - id->from, PROT_WRITE, MAP_SHARED, to, id->from);
	if (b != MAP_FAILED) {
		memcpy(b, a, end - id->from);
		munmap(b, end - id->from);
	}
	munmap(a, end - id->from);
	return b == MAP_FAILED ? -errno : 0;
}

int copy_shared(struct monitor *m, const struct file_id *id)
{
	struct copy *c;
	struct stat st;
	int err;

	drop_unmapped(m);
	c = find(id->dev, id->ino);
	if (!c) {
		copies = xrealloc(copies, (ncopies + 1) * sizeof(*copies));
		c = &copies[ncopies];
		*c = (struct copy){id->dev, id->ino, memfd_create("tandem-copy", MFD_CLOEXEC)};
		if (c->fd < 0)
			return -errno;
		ncopies++;
	}
	if (fstat(c->fd, &st) == 0 && (uint64_t)st.st_size < id->size && ftruncate(c->fd, id->size) < 0)
		return -errno;
	err = bring(m, c->fd, id);
	return err ? err : c->fd;
}

/* ---- changes by calls ---- */

static bool was_applied(const struct mm *mm, uint64_t page)
{
	for (int i = 0; i < napplied; i++)
		if (applied[i].mm == mm && applied[i].page == page)
			return true;
	return false;
}

static void note_applied(const struct mm *mm, uint64_t page)
{
	if (was_applied(mm, page))
		return;
	if (napplied == room_applied) {
		room_applied = room_applied ? 2 * room_applied : 64;
		applied = xrealloc(applied, room_applied * sizeof(*applied));
	}
	applied[napplied++] = (struct applied){mm, page};
}

/* Whether the program has written to this page of a private mapping: then it is anonymous memory. */
static bool page_touched(const struct task *t, uint64_t page)
{
	char path[64];
	uint64_t entry = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", t->tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (pread(fd, &entry, sizeof(entry), page / 4096 * 8) != sizeof(entry))
		entry = 0;
	close(fd);
	return (entry >> 63 || entry >> 62 & 1) && !(entry >> 61 & 1);
}

static void apply_private(struct task *t, const struct mapping *map, uint64_t offset, const char *data, uint64_t len)
{
	const struct mm *mm = t->p->mm;
	uint64_t from = max_of(offset, map->offset), to = min_of(offset + len, map->offset + (map->end - map->start));

	while (from < to) {
		uint64_t at = map->start + (from - map->offset), page = at & ~4095ull;
		uint64_t n = min_of(to - from, page + 4096 - at);

		if (was_applied(mm, page) || !page_touched(t, page)) {
			guest_write(t, at, data + (from - offset), n);
			note_applied(mm, page);
		}
		from += n;
	}
}

/* What a private mapping shows behind the new end: zeros up to the end of the page. (Beyond that page the leader
 * would get SIGBUS; a program that lives does not look there.) */
static void cut_private(struct task *t, const struct mapping *map, uint64_t offset)
{
	static const char zero[4096];
	uint64_t end = map->offset + (map->end - map->start);

	for (uint64_t at = max_of(offset, map->offset); at < end;) {
		uint64_t n = min_of(end - at, 4096 - at % 4096);

		apply_private(t, map, at, zero, n);
		at += n;
	}
}

static void apply_to_task(struct task *t, const struct file_write *w, const char *data)
{
	const struct mm *mm = t->p->mm;

	for (int i = 0; i < mm->nmap; i++) {
		if (mm->map[i].dev != w->dev || mm->map[i].ino != w->ino || mm->map[i].shared)
			continue;
		if (w->len == ~0ull)
			cut_private(t, &mm->map[i], w->offset);
		else
			apply_private(t, &mm->map[i], w->offset, data, w->len);
	}
}

static void apply(struct monitor *m, const struct file_write *w, const char *data)
{
	struct copy *c = find(w->dev, w->ino);

	if (c && w->len == ~0ull)
		(void)!ftruncate(c->fd, w->offset);
	else if (c)
		(void)!pwrite(c->fd, data, w->len, w->offset);
	/* One task of each address space will do. */
	for (struct task *t = NULL; (t = task_next(m, t));)
		if (t->in_mm && t->in_mm->tasks == t)
			apply_to_task(t, w, data);
}

void copy_apply(struct monitor *m, const struct event *e)
{
	struct part *p = event_parts(e);

	for (uint32_t i = 0; i < e->nparts; i++, p = part_next(p)) {
		const struct file_write *w = part_data(p);

		if (p->kind != PART_APPLY || p->len < sizeof(*w))
			continue;
		if (w->len != ~0ull && p->len - sizeof(*w) < w->len)
			continue;
		apply(m, w, (const char *)(w + 1));
	}
}
