/**
 * How a program beside a worker is found again, with everything that it started: by a variable of its own. Engines end no program whose
 * connection was closed.
 */
export const execMark = 'COWAIT_EXEC'

/** For `node -e`, with the mark's value as its argument: ends all that carry it. */
export const endMarked: string = `const { readdirSync, readFileSync } = require('node:fs')
for (const pid of readdirSync('/proc').filter(Number)) try {
  if (readFileSync('/proc/' + pid + '/environ', 'utf8').split('\\0').includes('${execMark}=' + process.argv[1])) process.kill(pid, 'SIGKILL')
} catch {}`
