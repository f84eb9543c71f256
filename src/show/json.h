/* json.h - bytes that may be the program's as a JSON string. */
#ifndef TANDEM_SHOW_JSON_H
#define TANDEM_SHOW_JSON_H

#include <jansson.h>

#include "base/base.h"

/* What cannot be printed is escaped; NULL is null. To be released. */
json_t *json_text(const char *s);

/* The same of what show_ functions have written; an empty one is "". */
static inline json_t *json_of(const struct buf *b)
{
	return json_text(b->at ? b->at : "");
}

#endif
