/* outside.c - see outside.h. The kernel tells nobody who writes to a mapping; but it tells who could. */
#define _GNU_SOURCE
#include "monitor/outside.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/base.h"
#include "base/proc.h"
#include "monitor/store.h"

#define FIRST_NS 100000000u
#define LAST_NS  10000000000u

/* `held`: at the last look the program had it mapped; what it has no more may be another file by now, under the same number. */
struct shared { uint64_t dev, ino; char *path; bool held; };
struct told { pid_t pid; size_t file; };

struct outside {
	struct buf files;              /* struct shared */
	struct buf told;               /* struct told */
	struct buf seen;               /* struct told: others that map one of them, at this look */
	uint64_t next, gap;            /* now_mono */
};

char *outside_note(uint64_t dev, uint64_t ino, const char *path)
{
	return xasprintf("%llu %llu %s", (unsigned long long)dev, (unsigned long long)ino, path);
}

void outside_add(struct outside **o, const char *text)
{
	unsigned long long dev, ino;
	struct shared *f;
	int at = 0;

	if (sscanf(text, "%llu %llu %n", &dev, &ino, &at) < 2 || !at)
		return;
	if (!*o)
		*o = xcalloc(1, sizeof(**o));
	f = (struct shared *)(*o)->files.at;
	for (size_t i = 0; i < (*o)->files.len / sizeof(*f); i++)
		if (f[i].dev == dev && f[i].ino == ino)
			return;
	buf_add(&(*o)->files, &(struct shared){dev, ino, xstrdup(text + at), false}, sizeof(*f));
	(*o)->gap = FIRST_NS;
	(*o)->next = now_mono() + FIRST_NS;
}

int outside_due(const struct outside *o)
{
	uint64_t now = now_mono();

	if (!o)
		return -1;
	return o->next > now ? (o->next - now) / 1000000 + 1 : 0;
}

/* Which of the files a line of /proc/PID/maps maps shared and writable; their number: none. */
static size_t which(const struct outside *o, const char *line)
{
	const struct shared *f = (const struct shared *)o->files.at;
	size_t n = o->files.len / sizeof(*f);
	unsigned major, minor;
	unsigned long long ino;
	int path = 0;
	char prot[5];

	if (sscanf(line, "%*x-%*x %4s %*x %x:%x %llu %n", prot, &major, &minor, &ino, &path) < 4 || prot[1] != 'w' ||
	    prot[3] != 's')
		return n;
	for (size_t i = 0; i < n; i++) {
		if (f[i].ino != ino)
			continue;
		if (f[i].dev == SEGMENT_DEV ? path && !strncmp(line + path, "/SYSV", 5) : f[i].dev == makedev(major, minor))
			return i;
	}
	return n;
}

static bool is_told(struct outside *o, pid_t pid, size_t file)
{
	const struct told *t = (const struct told *)o->told.at;

	for (size_t i = 0; i < o->told.len / sizeof(*t); i++)
		if (t[i].pid == pid && t[i].file == file)
			return true;
	buf_add(&o->told, &(struct told){pid, file}, sizeof(*t));
	return false;
}

static bool is_traced_by(pid_t pid, pid_t monitor)
{
	char text[PROC_STATUS_MAX];
	const char *tracer;

	return proc_text(pid, "status", text, sizeof(text)) && (tracer = proc_line(text, "TracerPid")) && atoi(tracer) == monitor;
}

static void tell(struct outside *o, pid_t pid, size_t file, void (*found)(void *ctx, const char *line), void *ctx)
{
	char name[32], *line;

	proc_text(pid, "comm", name, sizeof(name));
	name[strcspn(name, "\n")] = 0;
	line = xasprintf("%s is shared with process %d (%s), which is not of the program: what that writes there, no follower sees",
	                 ((struct shared *)o->files.at)[file].path, pid, name);
	found(ctx, line);
	free(line);
}

static void look_at(struct outside *o, pid_t pid, pid_t monitor)
{
	struct shared *files = (struct shared *)o->files.at;
	char path[40], *line = NULL;
	size_t room = 0, file;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	if (!(f = fopen(path, "re")))
		return;
	while (getline(&line, &room, f) > 0) {
		if ((file = which(o, line)) >= o->files.len / sizeof(*files))
			continue;
		if (is_traced_by(pid, monitor))
			files[file].held = true;
		else
			buf_add(&o->seen, &(struct told){pid, file}, sizeof(struct told));
	}
	free(line);
	fclose(f);
}

void outside_look(struct outside *o, pid_t monitor, void (*found)(void *ctx, const char *line), void *ctx)
{
	const struct told *seen;
	struct shared *files;
	struct dirent *d;
	DIR *dir;

	if (!o || !(dir = opendir("/proc")))
		return;
	files = (struct shared *)o->files.at;
	for (size_t i = 0; i < o->files.len / sizeof(*files); i++)
		files[i].held = false;
	buf_clear(&o->seen);
	while ((d = readdir(dir))) {
		pid_t pid = atoi(d->d_name);

		if (pid > 0 && pid != monitor)
			look_at(o, pid, monitor);
	}
	closedir(dir);
	seen = (const struct told *)o->seen.at;
	for (size_t i = 0; i < o->seen.len / sizeof(*seen); i++)
		if (files[seen[i].file].held && !is_told(o, seen[i].pid, seen[i].file))
			tell(o, seen[i].pid, seen[i].file, found, ctx);
	o->gap = min_of(2 * o->gap, (uint64_t)LAST_NS);
	o->next = now_mono() + o->gap;
}

void outside_free(struct outside *o)
{
	if (!o)
		return;
	for (size_t i = 0; i < o->files.len / sizeof(struct shared); i++)
		free(((struct shared *)o->files.at)[i].path);
	buf_free(&o->files);
	buf_free(&o->told);
	buf_free(&o->seen);
	free(o);
}
