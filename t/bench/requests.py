#!/usr/bin/python3
"""What requests about jobs cost through nginx: POST /jobs, and reads with 100
and with 100,000 jobs in the store, which are to cost the same (ratio at most
1.3); memory a job.

No worker runs, so that what is measured is the API.
"""

import sys

import measure

SMALL, LARGE, TIMES, RATIO = 100, 100000, 1500, 1.3
POST_S = 5
# for 100,000 jobs, and what each may have to say when it runs
ROOM = {"OSAPI_JOB_KV_MAX_BYTES": "400MiB"}


def resident(running):
    """Octets of resident memory of one responder process, in the middle."""
    sizes = []
    for pid in running.responders():
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            sizes.append(int(file.read().split()[1]) * 4096)
    return measure.middle(sizes)


def paths(kept):
    """What is read: jobs from the whole list."""
    page = kept.request("GET", "/api/v1/jobs?limit=100")
    total = page["total_items"]
    offset = total // 2 // 100 * 100
    half = kept.request("GET", f"/api/v1/jobs?limit=50&offset={offset}")
    ids = [item["id"] for item in page["items"] + half["items"]]
    return {
        "one job": [f"/api/v1/jobs/{i}" for i in ids],
        "page of 10": ["/api/v1/jobs"],
        "page of 10, half way": [f"/api/v1/jobs?offset={total // 2}"],
        "page of 10, of a status": ["/api/v1/jobs?status=submitted"],
        "statistics": ["/api/v1/jobs/status"],
    }


def post(running):
    """The table of submissions; how many jobs they made."""
    print(f"{'POST /jobs, clients':24} {'a second':>9} {'p50 ms':>8} "
          f"{'p99 ms':>8}")
    made = 0
    for clients in (2, 8, 32, 128):
        jobs, seconds, ms = measure.post_jobs(running, POST_S,
                                              connections=clients)
        print(f"{clients:24} {jobs / seconds:9.0f} {ms[50]:8.2f} "
              f"{ms[99]:8.2f}", flush=True)
        made += jobs
    return made


def fill(kept, count):
    for _ in range(count):
        kept.request("POST", "/api/v1/jobs",
                     {"operation": measure.HOSTNAME,
                      "target_hostname": "_any"}, 201)


def total(kept):
    return kept.request("GET", "/api/v1/jobs/status")["total_jobs"]


def read(small, large):
    """Both stacks in turn, request by request: the same load for both."""
    worst = 0
    what = [paths(kept) for kept in (small, large)]
    print(f"{'GET, p50 ms':24} {total(small):>9,} {total(large):>9,} "
          f"{'ratio':>6}")
    for name in what[0]:
        times = [[], []]
        for i in range(TIMES):
            for side, kept in enumerate((small, large)):
                choice = what[side][name]
                times[side].append(kept.timed("GET", choice[i % len(choice)]))
        low, high = map(measure.middle, times)
        worst = max(worst, high / low)
        print(f"{name:24} {low:9.3f} {high:9.3f} {high / low:6.2f}",
              flush=True)
    return worst


def measure_all(stacks):
    running = measure.Stack(workers=(), env=ROOM).start()
    stacks.append(running)
    large = measure.client(running)
    fill(large, SMALL)
    before = resident(running)
    made = post(running)
    while total(large) < LARGE:
        made += measure.post_jobs(running, 3)[0]
    memory = (resident(running) - before) / made
    stacks.append(measure.Stack(workers=()).start())
    small = measure.client(stacks[-1])
    fill(small, SMALL)
    worst = read(small, large)
    print(f"memory of a responder: {memory:.0f} octets a job")
    return measure.verdict(worst <= RATIO, "reads cost the same, at most "
                           f"{RATIO} times with {LARGE:,} jobs")


def main():
    stacks = []
    try:
        return measure_all(stacks)
    finally:
        for running in stacks:
            running.close()


if __name__ == "__main__":
    sys.exit(main())
