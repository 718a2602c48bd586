/*
 * cli/live.c: termios(3), a few escape sequences that every terminal of today
 * knows, and the signals.
 */
#include "cli/live.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/terminal.h"
#include "lib/clock.h"

/* Alternate screen, no cursor; and back. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

/* Read by signal handlers; written while those that would do so are not set. */
static volatile sig_atomic_t taken;
static volatile sig_atomic_t draw_again;
static struct termios before;
static struct termios own;
static sigset_t mask_before; /* without SIGWINCH blocked */

static const int deadly[] = {SIGINT,  SIGTERM, SIGHUP, SIGQUIT, SIGABRT,
			     SIGSEGV, SIGBUS,  SIGILL, SIGFPE};

#define DEADLY_COUNT (sizeof(deadly) / sizeof(*deadly))

static void
put(const char *text)
{
	ssize_t ignored = write(STDOUT_FILENO, text, strlen(text));

	(void)ignored;
}

/* ---- signals; all that these call is async-signal-safe ---- */

static void
take_terminal(void)
{
	tcsetattr(STDIN_FILENO, TCSADRAIN, &own);
	put(ENTER);
	taken = true;
}

static void
give_back(void)
{
	if (!taken)
		return;
	taken = false;
	put(LEAVE);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

/* Set with SA_RESETHAND: what the signal does by default follows. */
static void
on_deadly(int signal_number)
{
	give_back();
	raise(signal_number);
}

static void on_stop(int signal_number);

static void
handle(int signal_number, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	sigaction(signal_number, &action, NULL);
}

static void
on_stop(int signal_number)
{
	int saved = errno;
	sigset_t this;

	give_back();
	handle(signal_number, SIG_DFL, 0);
	sigemptyset(&this);
	sigaddset(&this, signal_number);
	raise(signal_number);
	sigprocmask(SIG_UNBLOCK, &this, NULL); /* it stops here */
	handle(signal_number, on_stop, 0);
	take_terminal();
	draw_again = true;
	errno = saved;
}

static void
on_resize(int signal_number)
{
	(void)signal_number;
	draw_again = true;
}

/* ---- the terminal ---- */

bool
live_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

bool
live_begin(void)
{
	sigset_t resize;
	size_t i;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return false;
	own = before;
	own.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	own.c_cc[VMIN] = 1;
	own.c_cc[VTIME] = 0;
	output_flush();
	sigemptyset(&resize);
	sigaddset(&resize, SIGWINCH);
	sigprocmask(SIG_BLOCK, &resize, &mask_before);
	handle(SIGWINCH, on_resize, 0);
	handle(SIGTSTP, on_stop, 0);
	for (i = 0; i < DEADLY_COUNT; i++)
		handle(deadly[i], on_deadly, (int)SA_RESETHAND);
	take_terminal();
	return true;
}

void
live_end(void)
{
	size_t i;

	give_back();
	for (i = 0; i < DEADLY_COUNT; i++)
		handle(deadly[i], SIG_DFL, 0);
	handle(SIGTSTP, SIG_DFL, 0);
	handle(SIGWINCH, SIG_DFL, 0);
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

/* One line of the text with what was in its place wiped out. */
static void
draw_line(const char *line, size_t size, size_t width)
{
	char *copy = strndup(line, size);

	if (copy)
		terminal_print_cut(stdout, copy, width);
	free(copy);
	fputs(TERMINAL_RESET "\033[K", stdout);
}

void
live_draw(const char *text)
{
	size_t width = terminal_width(stdout);
	size_t height = terminal_height(stdout);
	size_t drawn;

	fputs("\033[H", stdout);
	for (drawn = 0; *text && drawn < height; drawn++) {
		size_t size = strcspn(text, "\n");

		if (drawn)
			putchar('\n');
		draw_line(text, size, width);
		text += size + (text[size] == '\n');
	}
	if (drawn < height)
		fputs("\n\033[J", stdout);
	output_flush();
}

enum live_event
live_wait(int64_t timeout_ms)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	int64_t end_ms = clock_mono_ms() + timeout_ms;
	int64_t left_ms;
	struct timespec left;
	char key;

	while (!draw_again) {
		left_ms = end_ms - clock_mono_ms();
		if (left_ms <= 0)
			return LIVE_TIME;
		left.tv_sec = (time_t)(left_ms / 1000);
		left.tv_nsec = (long)(left_ms % 1000) * 1000000;
		/* SIGWINCH arrives in here only, so none is overlooked */
		if (ppoll(&in, 1, &left, &mask_before) <= 0)
			continue;
		if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' ||
		    key == 'Q')
			return LIVE_LEAVE;
		if (key == ' ')
			return LIVE_TIME;
	}
	draw_again = false;
	return LIVE_DRAW;
}
