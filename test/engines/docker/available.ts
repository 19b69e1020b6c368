import { execFileSync } from 'node:child_process'

export const image = 'node:24-slim'

/** Whether tests can have containers. In CI they must. */
export function hasDocker(): boolean {
  try {
    execFileSync('docker', ['image', 'inspect', image], { stdio: 'ignore' })
    return true
  } catch {
    if (process.env.CI) throw new Error(`CI is set, but there is no Docker engine with image ${image} here.`)
    console.log(`skipped: these tests need a Docker engine with image ${image}`)
    return false
  }
}
