import { accessSync, constants, lstatSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EngineError } from '../core/errors.ts'
import { ownHome } from '../engines/host-process.ts'
import { claimFolder } from '../engines/private-folder.ts'

/** The folder of all supervisors of this user: short, owner only, gone after a restart where the host has a runtime directory. */
export function runtimeRoot(): string {
  const uid = process.getuid?.() ?? 0
  const session = process.env['XDG_RUNTIME_DIR']
  return join(session && isUsable(session) ? session : tmpdir(), `cowait-${uid}`)
}

/** `su` and `sudo` hand on the variable of another user; without a login nobody has made the folder. */
function isUsable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    const status = statSync(folder)
    return status.isDirectory() && status.uid === (process.getuid?.() ?? status.uid)
  } catch {
    return false
  }
}

/** Makes the private folder of one supervisor, marked as this process's. Throws if somebody else could get at it. */
export function createPrivateDirectory(supervisor: string): string {
  const root = runtimeRoot()
  const directory = join(root, supervisor)
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 })
    const status = lstatSync(root)
    if (!status.isDirectory() || (status.mode & 0o077) !== 0 || status.uid !== (process.getuid?.() ?? status.uid)) {
      throw new Error('it is not a folder of yours alone')
    }
    mkdirSync(directory, { mode: 0o700 })
    try {
      claimFolder(directory, ownHome())
    } catch (error) {
      rmSync(directory, { recursive: true, force: true })
      throw error
    }
    return directory
  } catch (error) {
    throw new EngineError(
      `The private folder ${root} cannot be used: ${(error as Error).message}. Set TMPDIR or XDG_RUNTIME_DIR to a folder that you can write to.`,
      { cause: error },
    )
  }
}
