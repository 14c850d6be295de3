leaked = true
string.upper = nil
