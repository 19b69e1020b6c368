import { createServer } from 'node:http'
import { isMain, session, timeout } from 'cowait'
import { load } from './pages.ts'

if (isMain(import.meta)) {
  await using jobs = session({ name: 'web' })
  const server = jobs.run(() =>
    createServer(async (request, response) => {
      try {
        response.end(await timeout('10s', () => load({ page: request.url ?? '/' })))
      } catch (error) {
        response.writeHead(500).end(String(error))
      }
    }),
  )
  server.listen(Number(process.env['PORT'] ?? 0), () => console.log(server.address()))
  await new Promise((resolve) => process.once('SIGTERM', resolve))
  server.close()
}
