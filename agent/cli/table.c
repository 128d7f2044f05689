// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

void sv_table_init(struct sv_table *table, size_t columns)
{
	*table = (struct sv_table){ .columns = columns };
}

void sv_table_add(struct sv_table *table, const char *fmt, ...)
{
	char **cells = reallocarray(table->cell, table->n + 1, sizeof(*cells));
	va_list ap;

	if (!cells)
		return;
	table->cell = cells;
	va_start(ap, fmt);
	if (vasprintf(&cells[table->n], fmt, ap) < 0)
		cells[table->n] = NULL;
	va_end(ap);
	table->n++;
}

/* Characters, not bytes. */
static size_t width(const char *text)
{
	size_t n = 0;

	for (; text && *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static size_t widest(const struct sv_table *table, size_t column)
{
	size_t max = 0;

	for (size_t i = column; i < table->n; i += table->columns)
		if (width(table->cell[i]) > max)
			max = width(table->cell[i]);
	return max;
}

void sv_table_print(struct sv_table *table)
{
	size_t widths[table->columns];

	for (size_t i = 0; i < table->columns; i++)
		widths[i] = widest(table, i);
	for (size_t i = 0; i < table->n; i++) {
		bool last = (i + 1) % table->columns == 0 || i + 1 == table->n;
		size_t pad = widths[i % table->columns] - width(table->cell[i]);

		printf("%s%*s%s", table->cell[i] ? table->cell[i] : "", last ? 0 : (int)pad + 2, "",
		       last ? "\n" : "");
	}
	for (size_t i = 0; i < table->n; i++)
		free(table->cell[i]);
	free(table->cell);
	sv_table_init(table, table->columns);
}
