local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(23)); local t = {} for i = 1, 50000 do local k = i * 7919 % 1013; t[k] = (t[k] or 0) + i end
local s = 0 for k = 0, 1012 do s = s ~ (t[k] or 0) end print(s, #t, 7 // 2, -7 // 2, -7 % 3, 7.5 // 2, 1 << 62, 3 | 8, math.maxinteger + 1 == math.mininteger)
local p = {} for i = 1, 3000 do p[#p + 1] = string.format("%d:%x", i, i * i) end local str = table.concat(p, " ") print(#str, select(2, str:gsub("%d+:f", "")), str:sub(100, 120), str:find("2000:"))
print(math.pi, 1e15, 2^53, 0.1 + 0.2, 1e308 * 10, -(0/0) ~= -(0/0), string.format("%.14g %a", math.sin(1), 0.1), math.tointeger(3.0), math.type(1), 10 / 2)
local co = coroutine.wrap(function() for i = 1, 1000 do coroutine.yield(i) end return "end" end) local c = 0 for i = 1, 1000 do c = c + co() end print(c, co())
print(pcall(error, { code = 1 }), select("#", pcall(function() local x = nil; return x.y end))) local m = setmetatable({}, { __index = function(_, k) return k .. "!" end }) print(m.hi)
table.sort(p, function(a, b) return a > b end) print(p[1], p[3000]) for i = 1, 200 do collectgarbage("step") end print(collectgarbage("count") > 0, os.time { year = 2020, month = 1, day = 1, hour = 12 } > 0, string.pack("<i4d", 1, 1.5):byte(1, -1))
