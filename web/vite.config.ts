// Two builds into dist/: `--mode player` makes the one module that pages embed, the other the console's page and that
// of the interface's description.

import { defineConfig } from 'vitest/config';

/** A running service for `npm run dev`, such as the one that `hearback demo` prints. */
const service = process.env.HEARBACK_URL ?? 'http://127.0.0.1:8080';

export default defineConfig(({ mode }) => ({
  base: './',
  build: mode === 'player' ? player : console,
  server: { proxy: { '/api': service, '/debug': service } },
  test: { include: ['src/**/*.test.ts'] },
}));

const player = {
  outDir: 'dist/web',
  lib: { entry: 'src/player.ts', formats: ['es' as const], fileName: () => 'player.js' },
  target: 'es2022',
  emptyOutDir: true,
  copyPublicDir: false,
  // A library's module keeps its spaces otherwise, for whoever bundles it; this one is loaded as it is, too.
  rollupOptions: { output: { minify: true } },
};

const console = {
  target: 'es2022',
  emptyOutDir: false,
  // The service's content security policy has no place for inline anything.
  assetsInlineLimit: 0,
  assetsDir: 'web',
  modulePreload: { polyfill: false },
  // Swagger UI is as large as it is; only its own page loads it.
  chunkSizeWarningLimit: 2_000,
  rollupOptions: {
    input: { console: 'index.html', docs: 'docs.html' },
    output: {
      entryFileNames: 'web/[name].js',
      assetFileNames: 'web/[name][extname]',
      chunkFileNames: 'web/[name].js',
    },
  },
};
