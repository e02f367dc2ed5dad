import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vite'

const daemon = { target: 'http://127.0.0.1:9001', ws: true }

export default defineConfig({
  base: '/logs/',
  plugins: [svelte()],
  build: { target: 'es2022', modulePreload: false, chunkSizeWarningLimit: 120 },
  server: { proxy: { '/api': daemon, '/readyz': daemon } },
})
