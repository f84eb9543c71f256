/* leader_root.c - the first and the last event of a run: see leader.h. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "monitor/leader.h"
#include "monitor/publish.h"

/* What the program finds open. */
static void publish_fds(struct monitor *m, struct task *t)
{
	struct fd_info info[256];
	char path[64];
	struct dirent *de;
	struct stat st;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", t->p->pid);
	d = opendir(path);
	while (d && n < (int)countof(info) && (de = readdir(d)))
		if (de->d_name[0] != '.' && fstatat(dirfd(d), de->d_name, &st, 0) == 0)
			info[n++] = (struct fd_info){atoi(de->d_name), st.st_mode, st.st_dev, st.st_ino};
	if (d)
		closedir(d);
	publish_part(m, PART_FDS, 0, 0, info, n * sizeof(info[0]));
}

void lead_publish_start(struct monitor *m, struct task *t)
{
	struct event *e = publish_begin(m, t, EV_START, 0);

	e->other = t->p->pid;
	e->args[0] = m->cfg->exposed;
	publish_fds(m, t);
	publish_end(m, t);
}

/* The root's command line, as an execve of the program would have it: there is no guest memory that holds
 * it any more, so the addresses are made up. */
void lead_capture_root_exec(struct monitor *m, struct task *t)
{
	const struct version_spec *spec = &m->cfg->spec[0];
	char **list[2] = {spec->argv, spec->envp};
	uint64_t at = 0x1000;
	struct buf pointers = {0};

	publish_begin(m, t, EV_CALL, 0);
	t->args[0] = at;
	publish_part(m, PART_IN, 1, at, spec->path, strlen(spec->path) + 1);
	at += 0x10000;
	for (int i = 0; i < 2; i++) {
		uint64_t table = at, zero = 0;
		char **s;

		buf_clear(&pointers);
		at += 0x1000000;
		t->args[1 + i] = table;
		for (s = list[i]; *s; s++) {
			buf_add(&pointers, &at, sizeof(at));
			at += strlen(*s) + 1;
		}
		buf_add(&pointers, &zero, sizeof(zero));
		publish_part(m, PART_IN, 2 + i, table, pointers.at, pointers.len);
		at = table + 0x1000000;
		for (s = list[i]; *s; s++) {
			publish_part(m, PART_IN, 2 + i, at, *s, strlen(*s) + 1);
			at += strlen(*s) + 1;
		}
	}
	buf_free(&pointers);
	buf_clear(&t->in);
	buf_add(&t->in, m->build.at + sizeof(struct event), m->build.len - sizeof(struct event));
	t->in_parts = publish_event(m)->nparts;
	t->in_captured = true;
}

void lead_publish_end(struct monitor *m)
{
	struct event *e;

	buf_clear(&m->build);
	buf_reserve(&m->build, sizeof(*e));
	e = (struct event *)m->build.at;
	memset(e, 0, sizeof(*e));
	m->build.len = sizeof(*e);
	e->type = EV_END;
	e->result = m->root_status;
	e->left = e->entered = now_wall();
	publish_end(m, NULL);
}

void lead_report_end(struct monitor *m)
{
	monitor_notef(m, NOTE_END, m->root_status,
	              "{\"events\":%llu,\"stream_bytes\":%llu,\"points\":%llu,\"point_bytes\":%llu,\"spins\":%llu,"
	              "\"shared_turns\":%llu,\"deferred_signals\":%llu,\"late_signals\":%llu,"
	              "\"unverified_instructions\":%llu,\"unscanned_bytes\":%llu,\"waited_for_space_ms\":%llu}",
	              (unsigned long long)m->s->ring.h->seq, (unsigned long long)m->s->bytes, (unsigned long long)m->points,
	              (unsigned long long)m->point_bytes, (unsigned long long)m->spins, (unsigned long long)m->shared_turns,
	              (unsigned long long)m->deferred_signals, (unsigned long long)m->async_signals,
	              (unsigned long long)m->unverified_sites, (unsigned long long)m->unscanned_bytes,
	              (unsigned long long)m->s->full_ns / 1000000);
}
