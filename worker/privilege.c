/*
 * worker/privilege.c: gives up what the worker does not need.
 *
 * libcap-ng does the work.  Kept is what a provider cannot do without:
 *   CAP_NET_RAW  raw ICMP sockets, where datagram ones are not allowed
 * systemd-resolved looks at the caller's uid (over D-Bus no capability is
 * passed on), resolv.conf belongs to uid 0; neither needs a capability.
 */
#include "worker/privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/log.h"

static const unsigned kept[] = {CAP_NET_RAW};

/* Makes libcap-ng's state what is to stay; `may_bound`: whether the bounding
 * set may be changed, which root in a container often may not. */
static enum err
select_kept(bool read_search, bool *may_bound, struct err_info *info)
{
	bool had[CAP_LAST_CAP + 1] = {false};
	size_t i;

	if (capng_get_caps_process() != 0)
		return err_set(info, ERR_IO, "capget: %s", strerror(errno));
	*may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		had[kept[i]] = capng_have_capability(CAPNG_PERMITTED, kept[i]);
	had[CAP_DAC_READ_SEARCH] =
	    read_search &&
	    capng_have_capability(CAPNG_PERMITTED, CAP_DAC_READ_SEARCH);
	capng_clear(CAPNG_SELECT_ALL);
	for (i = 0; i <= CAP_LAST_CAP; i++)
		if (had[i] && capng_update(CAPNG_ADD,
					   CAPNG_EFFECTIVE | CAPNG_PERMITTED |
					       CAPNG_BOUNDING_SET,
					   (unsigned)i) != 0)
			return err_set(info, ERR_IO, "capng_update(%s) failed",
				       capng_capability_to_name((unsigned)i));
	return ERR_OK;
}

static enum err
apply(capng_select_t set, const char *what, struct err_info *info)
{
	int rc = capng_apply(set);

	if (rc)
		return err_set(info, ERR_IO, "%s: %s (capng_apply: %d)", what,
			       strerror(errno), rc);
	return ERR_OK;
}

/* The effective capabilities that overrule file permissions, off or on; the
 * permitted ones stay, so this can be taken back. */
static enum err
set_file_caps(bool on, struct err_info *info)
{
	capng_act_t act = on ? CAPNG_ADD : CAPNG_DROP;

	if (capng_get_caps_process() != 0)
		return err_set(info, ERR_IO, "capget: %s", strerror(errno));
	if (capng_have_capability(CAPNG_PERMITTED, CAP_DAC_OVERRIDE))
		capng_update(act, CAPNG_EFFECTIVE, CAP_DAC_OVERRIDE);
	if (capng_have_capability(CAPNG_PERMITTED, CAP_DAC_READ_SEARCH))
		capng_update(act, CAPNG_EFFECTIVE, CAP_DAC_READ_SEARCH);
	return apply(CAPNG_SELECT_CAPS, "capset", info);
}

/* Whether the directory can be reached as the plain uid that we are. */
static enum err
reachable_without(const char *directory, bool *reachable, struct err_info *info)
{
	enum err err = set_file_caps(false, info);

	if (err)
		return err;
	*reachable = faccessat(AT_FDCWD, directory, F_OK, AT_EACCESS) == 0;
	if (!*reachable && errno != EACCES)
		err = err_set(info, ERR_IO, "access(%s): %s", directory,
			      strerror(errno));
	else
		err = set_file_caps(true, info);
	return err;
}

static void
log_kept(void)
{
	char *names = NULL;

	if (capng_get_caps_process() == 0)
		names =
		    capng_print_caps_text(CAPNG_PRINT_BUFFER, CAPNG_PERMITTED);
	log_info("privileges dropped", LOG_I("uid", geteuid()),
		 LOG_S("capabilities", names ? names : "unknown"));
	free(names);
}

static enum err
drop(bool read_search, struct err_info *info)
{
	bool may_bound = false;
	enum err err = select_kept(read_search, &may_bound, info);

	if (err)
		return err;
	/* first, as it needs the CAP_SETPCAP that the second takes away */
	if (may_bound)
		err =
		    apply(CAPNG_SELECT_BOUNDS, "prctl(PR_CAPBSET_DROP)", info);
	if (!err)
		err = apply(CAPNG_SELECT_CAPS, "capset", info);
	if (!err &&
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		err = err_set(info, ERR_IO, "prctl(PR_CAP_AMBIENT): %s",
			      strerror(errno));
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		err = err_set(info, ERR_IO, "prctl(PR_SET_NO_NEW_PRIVS): %s",
			      strerror(errno));
	return err;
}

enum err
privilege_drop(const char *state_dir, struct err_info *info)
{
	bool reachable = true;
	enum err err = ERR_OK;

	if (state_dir)
		err = reachable_without(state_dir, &reachable, info);
	if (!err)
		err = drop(!reachable, info);
	if (!err && state_dir &&
	    faccessat(AT_FDCWD, state_dir, W_OK | X_OK, AT_EACCESS) < 0)
		err = err_set(info, ERR_FORBIDDEN, "access(%s): %s", state_dir,
			      strerror(errno));
	if (!err)
		log_kept();
	return err;
}
