/* proc.c - see proc.h. */
#define _GNU_SOURCE
#include "base/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

bool proc_text(pid_t pid, const char *name, char *ret, size_t room)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, ret, room - 1);
	if (fd >= 0)
		close(fd);
	ret[max_of(n, (ssize_t)0)] = 0;
	return n > 0;
}

const char *proc_line(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (!strncmp(at, key, len) && at[len] == ':')
			return at + len + 1;
	}
	return NULL;
}

uint64_t proc_stat(pid_t pid, int field)
{
	char text[2048], *at;

	if (!proc_text(pid, "stat", text, sizeof(text)))
		return 0;
	/* The name, field 2, may hold anything: fields are counted from its closing parenthesis. */
	at = strrchr(text, ')');
	for (int i = 2; at && i < field; i++)
		at = strchr(at + 1, ' ');
	if (!at)
		return 0;
	return field == PROC_STATE ? (unsigned char)at[1] : strtoull(at + 1, NULL, 10);
}

uint64_t proc_mapping_size(pid_t pid, uint64_t addr)
{
	char path[40], *line = NULL, *end;
	uint64_t size = 0;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	if (!(f = fopen(path, "re")))
		return 0;
	while (!size && getline(&line, &room, f) > 0)
		if (strtoull(line, &end, 16) == addr && *end == '-')
			size = strtoull(end + 1, NULL, 16) - addr;
	free(line);
	fclose(f);
	return size;
}
