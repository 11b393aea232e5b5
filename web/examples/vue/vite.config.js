// Vue is told which tags are elements of the browser's, and not components.

import vue from '@vitejs/plugin-vue';

const compilerOptions = { isCustomElement: (tag) => tag === 'hearback-player' };

export default { base: './', plugins: [vue({ template: { compilerOptions } })] };
