/* t/unit/trace.c: lib/trace.h, against the examples and rules of W3C Trace
 * Context. */
#include "lib/trace.h"

#include <stdio.h>
#include <string.h>

#include "t/unit/unit.h"

#define ID   "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
#define GOOD "00-" ID "-" SPAN "-01"

static const struct {
	const char *why;
	const char *text; /* NULL: no header */
	bool good;
	bool sampled;
	bool ours; /* trace_parent_valid */
} parents[] = {
    {"the example of the Recommendation", GOOD, true, true, true},
    {"not sampled", "00-" ID "-" SPAN "-00", true, false, true},
    {"other flags do not matter", "00-" ID "-" SPAN "-fe", true, false, true},
    {"other flags beside sampled", "00-" ID "-" SPAN "-ff", true, true, true},
    {"a version to come", "01-" ID "-" SPAN "-01", true, true, false},
    {"a version to come with more behind", "cc-" ID "-" SPAN "-01-what", true,
     true, false},
    {"a version to come with nothing behind the dash", "cc-" ID "-" SPAN "-01-",
     true, true, false},
    {"a version to come that goes on without a dash",
     "cc-" ID "-" SPAN "-01.what", false, false, false},
    {"no header", NULL, false, false, false},
    {"empty", "", false, false, false},
    {"version ff is forbidden", "ff-" ID "-" SPAN "-01", false, false, false},
    {"a version that is no number", "0x-" ID "-" SPAN "-01", false, false,
     false},
    {"version 00 has nothing behind", GOOD "-00", false, false, false},
    {"nor a space", GOOD " ", false, false, false},
    {"nor one in front", " " GOOD, false, false, false},
    {"too short by a flag", "00-" ID "-" SPAN "-0", false, false, false},
    {"without flags", "00-" ID "-" SPAN, false, false, false},
    {"upper case", "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", false,
     false, false},
    {"upper case flags", "00-" ID "-" SPAN "-0A", false, false, false},
    {"a trace id of zeros", "00-00000000000000000000000000000000-" SPAN "-01",
     false, false, false},
    {"a span id of zeros", "00-" ID "-0000000000000000-01", false, false,
     false},
    {"a trace id that is too short",
     "00-0af7651916cd43dd8448eb211c80319-" SPAN "-01", false, false, false},
    {"not hexadecimal", "00-0af7651916cd43dd8448eb211c80319g-" SPAN "-01",
     false, false, false},
    {"other dashes", "00_" ID "_" SPAN "_01", false, false, false},
    {"two in one header", GOOD "," GOOD, false, false, false},
    {"a line break", GOOD "\n", false, false, false},
};

static void
reads_traceparent(void)
{
	size_t i;

	for (i = 0; i < sizeof(parents) / sizeof(*parents); i++) {
		struct trace trace = {.id = "untouched", .span = "too"};
		const char *text = parents[i].text;
		const char *why = parents[i].why;

		IS_INT(why, trace_read(&trace, text, NULL), parents[i].good);
		IS_TEXT(why, trace.id, parents[i].good ? ID : "untouched");
		IS_TEXT(why, trace.span, parents[i].good ? SPAN : "too");
		IS_INT(why, trace.sampled, parents[i].sampled);
		if (text)
			IS_INT(why, trace_parent_valid(text), parents[i].ours);
	}
}

#define K16  "k123456789abcdef"
#define K256 K16 K16 K16 K16 K16 K16 K16 K16 K16 K16 K16 K16 K16 K16 K16 K16
#define M16  "m=23456789abcdef"

static const struct {
	const char *why;
	const char *text;
	const char *wanted;
} states[] = {
    {"the example of the Recommendation",
     "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
     "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"},
    {"white space around members", " a=1 ,\tb=2\t", "a=1,b=2"},
    {"empty members are allowed", "a=1,,b=2,", "a=1,b=2"},
    {"none at all", "", ""},
    {"only empty members", " , ,", ""},
    {"a tenant and its system", "fw529a3039@dt=FfAAA", "fw529a3039@dt=FfAAA"},
    {"a tenant may begin with a digit", "0t@s=1", "0t@s=1"},
    {"a simple key may not", "0t=1", ""},
    {"a system must begin with a letter", "t@0=1", ""},
    {"a system has 14 characters at most", "t@s23456789012345=1", ""},
    {"a key without a name", "=1", ""},
    {"a value is needed", "a=", ""},
    {"an equals sign is needed", "a", ""},
    {"none in the value", "a=1=2", ""},
    {"keys are lower case", "A=1", ""},
    {"a key of 256 is taken", K256 "=1", K256 "=1"},
    {"one of 257 is not", K256 "k=1", ""},
    {"control characters are not values", "a=\x01", ""},
    {"nor is what is not ASCII", "a=\xc3\xa4", ""},
    {"quotation marks are", "a=\"\\<b>", "a=\"\\<b>"},
    {"spaces inside are", "a=b c", "a=b c"},
    {"no key twice", "a=1,b=2,a=3", ""},
    {"one bad member drops all", "a=1,B=2", ""},
};

static void
reads_tracestate(void)
{
	size_t i;

	for (i = 0; i < sizeof(states) / sizeof(*states); i++) {
		struct trace trace;

		OK(states[i].why, trace_read(&trace, GOOD, states[i].text));
		IS_TEXT(states[i].why, trace.state, states[i].wanted);
		OK("what was read is what we would write",
		   trace_state_valid(trace.state));
	}
}

/* Appends members "{key}{n}={value of this length}". */
static void
grow(char *text, size_t size, char key, int count, int length)
{
	char value[300];
	int n;

	memset(value, 'v', sizeof(value));
	for (n = 0; n < count; n++) {
		size_t used = strlen(text);

		snprintf(text + used, size - used, "%s%c%d=%.*s",
			 used ? "," : "", key, n, length, value);
	}
}

static void
bounds_tracestate(void)
{
	struct trace trace;
	char text[16384] = "";

	grow(text, sizeof(text), 'a', 32, 3);
	OK("32 members", trace_read(&trace, GOOD, text));
	IS_TEXT("are passed on", trace.state, text);
	grow(text, sizeof(text), 'b', 1, 1);
	OK("33", trace_read(&trace, GOOD, text));
	IS_TEXT("are not", trace.state, "");
	text[0] = '\0';
	grow(text, sizeof(text), 'a', 2, 250);
	OK("two of 253 octets fit", trace_read(&trace, GOOD, text));
	IS_TEXT("as they are", trace.state, text);
	grow(text, sizeof(text), 'b', 2, 60);
	OK("two short ones more", trace_read(&trace, GOOD, text));
	IS_INT("let the long ones go", strlen(trace.state), 2 * 63 + 1);
	IS_INT("the short ones stay", trace.state[0], 'b');
	text[0] = '\0';
	grow(text, sizeof(text), 'a', 10, 97);
	OK("ten of 100 octets", trace_read(&trace, GOOD, text));
	IS_INT("the first five are kept", strlen(trace.state), 5 * 100 + 4);
	OK("whole", strncmp(trace.state, text, strlen(trace.state)) == 0);
	OK("what is too long is not ours", !trace_state_valid(text));
}

static void
makes_traces(void)
{
	char text[TRACE_PARENT_SIZE];
	struct trace first, second, child, back;

	trace_start(&first, true);
	trace_start(&second, false);
	OK("ids are random", strcmp(first.id, second.id) != 0 &&
				 strcmp(first.span, second.span) != 0);
	OK("valid", trace_parent_valid(trace_parent_text(&first, text)));
	OK("sampled", strcmp(text + 53, "01") == 0);
	OK("read back", trace_read(&back, text, NULL));
	IS_TEXT("the same trace", back.id, first.id);
	OK("valid too", trace_parent_valid(trace_parent_text(&second, text)));
	OK("not sampled", strcmp(text + 53, "00") == 0);
	OK("from a client", trace_read(&first, GOOD, "a=1"));
	trace_child(&first, &child);
	IS_TEXT("a child has its trace", child.id, ID);
	OK("and another span", strcmp(child.span, SPAN) != 0);
	OK("sampled as its parent", child.sampled);
	IS_TEXT("and its tracestate", child.state, "a=1");
}

const char unit_name[] = "trace";
const struct unit_case unit_cases[] = {
    {"reads traceparent strictly", reads_traceparent},
    {"reads tracestate strictly", reads_tracestate},
    {"passes a bounded tracestate on", bounds_tracestate},
    {"makes traces and children", makes_traces},
    {NULL, NULL},
};
