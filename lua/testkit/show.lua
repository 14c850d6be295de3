-- Values for people, as Lua would have them: {med = 100, name = "a"}; in one line, cut at `most` bytes.
local function by_type_and_value(a, b)
  if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then
    return a < b
  end
  return type(a) < type(b)
end

local function add(out, value, depth)
  if type(value) == "string" then
    out[#out + 1] = string.format("%q", value):gsub("\\\n", "\\n")
  elseif type(value) ~= "table" then
    out[#out + 1] = value == json.null and "null" or tostring(value)
  elseif depth == 0 then
    out[#out + 1] = "{...}"
  else
    local keys, count = {}, 0
    for key in pairs(value) do
      keys[#keys + 1] = key
    end
    table.sort(keys, by_type_and_value)
    out[#out + 1] = "{"
    for _, key in ipairs(keys) do
      count = count + 1
      out[#out + 1] = count > 1 and ", " or ""
      if type(key) == "string" and key:find("^[%a_][%w_]*$") then
        out[#out + 1] = key .. " = "
      elseif key ~= count then
        out[#out + 1] = "["
        add(out, key, depth - 1)
        out[#out + 1] = "] = "
      end
      add(out, value[key], depth - 1)
    end
    out[#out + 1] = "}"
  end
end

return function(value, most)
  local out = {}
  add(out, value, 5)
  local text = table.concat(out)
  if most and #text > most then
    text = text:sub(1, most - 3) .. "..."
  end
  return text
end
