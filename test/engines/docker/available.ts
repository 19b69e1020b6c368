import { execFileSync } from 'node:child_process'

export const image = 'node:24-slim'

/** Whether tests can use Docker. Says so when they cannot; with CI set that is an error. */
export function hasDocker(): boolean {
  return hasProgram('a Docker engine with image ' + image, 'docker', 'image', 'inspect', image)
}

/** As `hasDocker`, for another program that some tests need. */
export function hasProgram(what: string, ...command: [string, ...string[]]): boolean {
  const [program, ...rest] = command
  try {
    execFileSync(program, rest, { stdio: 'ignore' })
    return true
  } catch (cause) {
    if (process.env['CI']) throw new Error(`CI is set, but there is no ${what} here.`, { cause })
    console.log(`skipped: these tests need ${what}`)
    return false
  }
}
