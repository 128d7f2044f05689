// SPDX-License-Identifier: GPL-2.0-only
#include "compile.h"

/* A VNode's specification as one canonical line: equal lines, equal VNodes. The tier is
 * not part. */

static void print_string(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text; text++)
		if (*text == '"' || *text == '\\' || (unsigned char)*text < 0x20)
			fprintf(f, "\\u%04x", *text);
		else
			fputc(*text, f);
	fputc('"', f);
}

static void print_strings(FILE *f, const char *key, char *const *strv)
{
	fprintf(f, ",\"%s\":[", key);
	for (size_t i = 0; strv && strv[i]; i++) {
		fputs(i ? "," : "", f);
		print_string(f, strv[i]);
	}
	fputc(']', f);
}

static void print_iface(FILE *f, const struct sv_vnode_iface *iface)
{
	const uint8_t *m = iface->mac;

	fprintf(f,
		"\"%s\":{\"port\":\"%s\",\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\",\"mtu\":%u,"
		"\"rate_kbit\":%u,\"xdp\":%s",
		iface->name, iface->port, m[0], m[1], m[2], m[3], m[4], m[5], iface->mtu,
		iface->rate_kbit, iface->xdp ? "true" : "false");
	print_strings(f, "addresses", iface->addresses);
	fputc('}', f);
}

char *sv_spec_json(const struct sv_vnode_spec *spec)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "{\"driver\":\"%s\",\"cpu_weight\":%u,\"interfaces\":{", spec->driver,
		spec->cpu_weight);
	for (size_t i = 0; i < spec->n_iface; i++) {
		fputs(i ? "," : "", f);
		print_iface(f, &spec->iface[i]);
	}
	fputc('}', f);
	print_strings(f, "routes", spec->routes);
	print_strings(f, "sysctls", spec->sysctls);
	print_strings(f, "tc", spec->tc);
	print_strings(f, "program", spec->program);
	fputs(",\"nftables\":", f);
	print_string(f, spec->nft ?: "");
	if (spec->xen)
		fprintf(f, ",\"xen\":%s", spec->xen);
	fputc('}', f);
	return fclose(f) ? NULL : TAKE_PTR(text);
}
