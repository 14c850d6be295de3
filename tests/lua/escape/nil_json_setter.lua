#!lua
-- expect: must-be-nil
return json.encode_max_depth or json.new
