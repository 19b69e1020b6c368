import type { Template } from './template.ts'

/** A web server that answers with the results of tasks. */
export const web: Template = {
  name: 'web',
  about: 'a web backend whose slow work are tasks',
  first: 'cowait exec server.ts',
  dependencies: {},
  files: {
    'primes.ts': `import { task } from 'cowait'

export const primes = task(async ({ below }: { below: number }) => {
  const found: number[] = []
  for (let n = 2; n < below; n++) if (found.every((prime) => n % prime !== 0)) found.push(n)
  return { count: found.length, largest: found.at(-1) ?? null }
})
`,
    'server.ts': `import { createServer, type Server } from 'node:http'
import { isMain } from 'cowait'
import { primes } from './primes.ts'

/** Every request computes in a worker of its own, so the server goes on answering. */
export function createApp(): Server {
  return createServer((request, response) => {
    const below = Number(new URL(request.url ?? '/', 'http://localhost').searchParams.get('below') ?? 1000)
    primes({ below }).then(
      (answer) => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
}

if (isMain(import.meta)) {
  const port = Number(process.env['PORT'] ?? 3000)
  createApp().listen(port, () => console.log(\`http://localhost:\${port}/?below=10000\`))
}
`,
    'server.test.ts': `import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { createApp } from './server.ts'

test('answers with the result of a task', async () => {
  const app = createApp().listen(0)
  await once(app, 'listening')
  const response = await fetch(\`http://localhost:\${(app.address() as AddressInfo).port}/?below=10\`)
  expect(await response.json()).toEqual({ count: 4, largest: 7 })
  app.close()
})
`,
  },
}
