/* t/unit/render.c: answers of the API as a person sees them, without a
 * terminal: tables, records, cells, and nothing that a terminal obeys. */
#include "t/unit/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cell.h"
#include "cli/render.h"
#include "cli/terminal.h"
#include "lib/spec.h"

const char unit_name[] = "render";

static json_t *
json(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, JSON_DECODE_ANY, &error);

	if (!value)
		printf("\n%s: %s\n", error.text, text);
	return value;
}

static void
writes_cells(void)
{
	static const struct {
		const char *why, *format, *value, *wanted;
	} rows[] = {
	    {"text", "", "\"web-01\"", "web-01"},
	    {"nothing", "", "null", "-"},
	    {"empty text", "", "\"\"", "-"},
	    {"integer", "", "12", "12"},
	    {"boolean", "", "true", "yes"},
	    {"an object stays readable", "", "{\"a\":1}", "{\"a\": 1}"},
	    {"octets", "bytes", "1023", "1023 B"},
	    {"kibi", "bytes", "1024", "1.0 KiB"},
	    {"no 1024.0 KiB", "bytes", "1048575", "1.0 MiB"},
	    {"gibi", "bytes", "8363048960", "7.8 GiB"},
	    {"more than the largest unit", "bytes", "2e18", "1776.4 PiB"},
	    {"octets that are no number", "bytes", "\"many\"", "many"},
	    {"percent", "percent", "33.333333", "33.3 %"},
	    {"hundred", "percent", "100", "100 %"},
	    {"list", "list", "[\"192.0.2.1\",\"::1\"]", "192.0.2.1, ::1"},
	    {"empty list", "list", "[]", "-"},
	    {"labels", "labels", "{\"group\":\"web\",\"rack\":\"7\"}",
	     "group=web, rack=7"},
	    {"no labels", "labels", "{}", "-"},
	    {"load", "load", "{\"1min\":0.5,\"5min\":1,\"15min\":0.25}",
	     "0.50 1.00 0.25"},
	    {"usage", "usage", "{\"used\":1073741824,\"total\":4294967296}",
	     "1.0 GiB of 4.0 GiB (25 %)"},
	    {"share of nothing", "share", "{\"used\":0,\"total\":0}", "-"},
	    {"os", "os", "{\"distribution\":\"Debian\",\"version\":\"12\"}",
	     "Debian 12"},
	    {"counts", "counts", "{\"completed\":2,\"failed\":0}",
	     "completed 2, failed 0"},
	    {"not a time", "time", "\"yesterday\"", "yesterday"},
	    {"time", "time", "\"2026-01-31T23:59:59.123Z\"",
	     "2026-01-31 23:59:59"},
	    {"an unknown format is plain", "colour", "\"red\"", "red"},
	};
	size_t i;

	setenv("TZ", "UTC0", 1);
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		json_t *value = json(rows[i].value);
		char *got = cell_text(rows[i].format, value);

		IS_TEXT(rows[i].why, got, rows[i].wanted);
		free(got);
		json_decref(value);
	}
}

static void
disarms_text(void)
{
	static const struct {
		const char *why, *text, *wanted;
	} rows[] = {
	    {"plain", "web-01", "web-01"},
	    {"UTF-8 stays", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
	     "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
	    {"an escape sequence", "\033[2J", "\\x1b[2J"},
	    {"line ends", "a\nb\r", "a\\nb\\x0d"},
	    {"DEL", "a\x7f", "a\\x7f"},
	    {"C1 as UTF-8",
	     "\xc2\x9b"
	     "31m",
	     "\\x9b31m"},
	    {"C1 as an octet",
	     "\x9b"
	     "31m",
	     "\\x9b31m"},
	    {"right to left",
	     "a\xe2\x80\xae"
	     "b",
	     "a\\u202eb"},
	    {"a cut character", "a\xe2\x82", "a\\xe2\\x82"},
	    {"over-long", "\xc0\xaf", "\\xc0\\xaf"},
	    {"half a pair of UTF-16", "\xed\xa0\x80", "\\xed\\xa0\\x80"},
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *got = terminal_safe(rows[i].text);

		IS_TEXT(rows[i].why, got, rows[i].wanted);
		free(got);
	}
}

static const struct spec_endpoint *
endpoint(const struct spec *spec, const char *id)
{
	size_t count;
	const struct spec_endpoint *list = spec_endpoints(spec, &count);

	while (count-- > 0)
		if (strcmp(list[count].id, id) == 0)
			return &list[count];
	printf("\nno endpoint %s\n", id);
	exit(1);
}

static void
shows(const char *why, const char *id, const char *answer_text,
      const char *wanted)
{
	const struct spec *spec = NULL;
	json_t *answer = json(answer_text);
	char *got = NULL;
	size_t size;
	FILE *out = open_memstream(&got, &size);

	IS_INT("the description loads", spec_load(&spec, NULL), ERR_OK);
	IS_INT(why, render_answer(out, endpoint(spec, id), answer), ERR_OK);
	fclose(out);
	IS_TEXT(why, got, wanted);
	free(got);
	json_decref(answer);
	spec_free(spec);
}

#define STATUS(host)                                                           \
	"{\"hostname\":\"" host                                                \
	"\",\"uptime\":\"0 days, 4 hours, 1 minute\",\"load_average\":{"       \
	"\"1min\":0.5,\"5min\":0.25,\"15min\":0},\"memory\":{\"total\":"       \
	"4294967296,\"free\":0,\"used\":1073741824,\"available\":3221225472}," \
	"\"disks\":[{\"name\":\"/\",\"total\":2048,\"used\":1024,\"free\":"    \
	"1024},{\"name\":\"/srv\",\"total\":1024,\"used\":0,\"free\":1024}],"  \
	"\"os_info\":{\"distribution\":\"Debian\",\"version\":\"12\"}}"

static void
shows_one_host_as_a_record(void)
{
	shows("a line each", "system_status_get",
	      "{\"job_id\":\"x\",\"results\":[" STATUS("web-01") "]}",
	      "Hostname   web-01\n"
	      "OS         Debian 12\n"
	      "Uptime     0 days, 4 hours, 1 minute\n"
	      "Load       0.50 0.25 0.00\n"
	      "Memory     1.0 GiB of 4.0 GiB (25 %)\n"
	      "Disk /     1.0 KiB of 2.0 KiB (50 %)\n"
	      "Disk /srv  0 B of 1.0 KiB (0 %)\n");
	shows("a name from the host is data", "system_hostname_get",
	      "{\"results\":[{\"hostname\":\"a\\u001b[2J\"}]}",
	      "Hostname  a\\x1b[2J\n");
}

static void
shows_many_hosts_as_a_table(void)
{
	shows("two hosts", "system_hostname_get",
	      "{\"results\":[{\"hostname\":\"a\"},{\"hostname\":\"web-02\","
	      "\"labels\":{\"group\":\"web\"}}]}",
	      "HOSTNAME  LABELS\n"
	      "a         -\n"
	      "web-02    group=web\n");
	shows("a line for each disk, also of one host", "system_disk_get",
	      "{\"results\":[{\"hostname\":\"a\",\"disks\":[{\"name\":\"/\","
	      "\"total\":2048,\"used\":1024,\"free\":1024},{\"name\":\"/srv\","
	      "\"total\":1024,\"used\":0,\"free\":1024}]}]}",
	      "HOSTNAME  DISK    TOTAL     USED     FREE   USE\n"
	      "a         /     2.0 KiB  1.0 KiB  1.0 KiB  50 %\n"
	      "a         /srv  1.0 KiB      0 B  1.0 KiB   0 %\n");
	shows("a list keeps its name in one cell", "system_status_get",
	      "{\"results\":[" STATUS("a") "," STATUS("b") "]}",
	      "HOSTNAME  OS         UPTIME                     LOAD            "
	      "MEMORY                     DISK\n"
	      "a         Debian 12  0 days, 4 hours, 1 minute  0.50 0.25 0.00  "
	      "1.0 GiB of 4.0 GiB (25 %)  / 1.0 KiB of 2.0 KiB (50 %)\n"
	      "                                                                "
	      "                           /srv 0 B of 1.0 KiB (0 %)\n"
	      "b         Debian 12  0 days, 4 hours, 1 minute  0.50 0.25 0.00  "
	      "1.0 GiB of 4.0 GiB (25 %)  / 1.0 KiB of 2.0 KiB (50 %)\n"
	      "                                                                "
	      "                           /srv 0 B of 1.0 KiB (0 %)\n");
	shows("an empty list", "jobs_list", "{\"total_items\":0,\"items\":[]}",
	      "(none)\n");
}

static void
shows_failures_apart(void)
{
	json_t *results =
	    json("[{\"hostname\":\"a\"},{\"hostname\":\"b\",\"status\":"
		 "\"failed\"},{\"hostname\":\"c\",\"status\":\"timeout\"}]");

	IS_INT("failed and silent hosts are counted", render_failures(results),
	       2);
	json_decref(results);
	shows("with their error", "system_hostname_get",
	      "{\"results\":[{\"hostname\":\"a\"},{\"hostname\":\"b\","
	      "\"status\":\"failed\",\"error\":\"no\\nway\"},{\"hostname\":"
	      "\"c\",\"status\":\"timeout\"}]}",
	      "Hostname  a\n"
	      "\n"
	      "HOSTNAME  STATUS   ERROR\n"
	      "b         failed   no\\nway\n"
	      "c         timeout  -\n");
	shows("alone, where there is nothing else", "network_dns_update",
	      "{\"results\":[{\"hostname\":\"b\",\"status\":\"failed\","
	      "\"error\":\"no such interface\"}]}",
	      "HOSTNAME  STATUS  ERROR\n"
	      "b         failed  no such interface\n");
}

static void
knows_every_format_of_the_description(void)
{
	const struct spec *spec = NULL;
	const struct spec_endpoint *list;
	size_t count;
	size_t i;
	size_t k;

	IS_INT("the description loads", spec_load(&spec, NULL), ERR_OK);
	list = spec_endpoints(spec, &count);
	for (i = 0; i < count; i++)
		for (k = 0; k < list[i].column_count; k++)
			OK(list[i].columns[k].format,
			   cell_format_known(list[i].columns[k].format));
	spec_free(spec);
}

const struct unit_case unit_cases[] = {
    {"writes cells by their format", writes_cells},
    {"disarms text for terminals", disarms_text},
    {"shows one host as a record", shows_one_host_as_a_record},
    {"shows many hosts as a table", shows_many_hosts_as_a_table},
    {"shows failures apart", shows_failures_apart},
    {"knows every format of the description",
     knows_every_format_of_the_description},
    {NULL, NULL}};
