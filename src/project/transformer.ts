import type * as Esbuild from 'esbuild'

/** Compiles single files. Loads esbuild with the first one, and ends its process when nobody compiles any more. */
export class Transformer implements AsyncDisposable {
  #esbuild: Promise<typeof Esbuild> | undefined

  /** Rejects with esbuild's `TransformFailure`. */
  async transform<Options extends Esbuild.TransformOptions>(
    text: string,
    options: Esbuild.SameShape<Esbuild.TransformOptions, Options>,
  ): Promise<Esbuild.TransformResult<Options>> {
    const { transform } = await (this.#esbuild ??= load())
    return await transform(text, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const esbuild = await this.#esbuild
    if (!esbuild) return
    this.#esbuild = undefined
    users -= 1
    if (users === 0) await esbuild.stop()
  }
}

/** esbuild has one process for all of this one. */
let users = 0

async function load(): Promise<typeof Esbuild> {
  users += 1
  return await import('esbuild')
}
