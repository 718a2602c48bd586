-- wrk: POST /api/v1/jobs for as long as wrk runs.
-- wrk ... -- BODY TOKEN

local threads = {}

function setup(thread)
	table.insert(threads, thread)
end

function init(arguments)
	created, refused = 0, 0
	text = wrk.format("POST", "/api/v1/jobs", {
		["Authorization"] = "Bearer " .. arguments[2],
		["Content-Type"] = "application/json",
		["Host"] = "127.0.0.1",
	}, arguments[1])
end

function request()
	return text
end

function response(status)
	if status == 201 then
		created = created + 1
	else
		refused = refused + 1
	end
end

function done(summary, latency)
	local all, bad = 0, 0
	for _, thread in ipairs(threads) do
		all = all + thread:get("created")
		bad = bad + thread:get("refused")
	end
	io.write(string.format('{"created":%d,"refused":%d,"seconds":%.3f,' ..
		'"milliseconds":{"50":%.2f,"99":%.2f}}\n', all, bad,
		summary.duration / 1e6, latency:percentile(50) / 1e3,
		latency:percentile(99) / 1e3))
end
