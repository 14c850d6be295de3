#!lua
-- expect: must-be-stopped
return (']'):rep(400):find('[a-%]]*[a-%]]*[a-%]]*[a-%]]*b')
