module cowait.test/pause

go 1.24
