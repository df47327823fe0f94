// tfjs_run.js -- one run of a graph model by TensorFlow.js alone (its own plain JavaScript kernels):
//     node tfjs_run.js PEER MODEL.json INPUT FOLDER
// PEER is the folder that npm installed @tensorflow/tfjs in; INPUT is the items of the model's one input, little-endian.
// FOLDER gets 0, 1 … (the items of each output) and outputs.json (name, dtype, shape of each).
'use strict';
const fs = require('fs');
const path = require('path');

const [peer, file, input, folder] = process.argv.slice(2);
console.log = console.warn = () => {}; // what the library says about faster backends
const tf = require(path.join(peer, 'node_modules', '@tensorflow', 'tfjs'));

const bytesOf = (name) => new Uint8Array(fs.readFileSync(name)).buffer; // a copy: a small file lies in a shared pool

function artifacts() {
    const json = JSON.parse(fs.readFileSync(file));
    const shards = json.weightsManifest.flatMap((group) => group.paths);
    return {
        modelTopology: json.modelTopology,
        format: json.format,
        signature: json.signature,
        weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
        weightData: tf.io.concatenateArrayBuffers(shards.map((s) => bytesOf(path.join(path.dirname(file), s)))),
    };
}

async function main() {
    await tf.setBackend('cpu');
    const model = await tf.loadGraphModel({ load: async () => artifacts() });
    const { shape, dtype } = model.inputs[0];
    const items = new (dtype === 'int32' ? Int32Array : Float32Array)(bytesOf(input));
    const given = tf.tensor(items, shape.map((n) => (n < 0 ? 1 : n)), dtype);
    const names = model.outputs.map((o) => o.name);
    const outputs = [await model.executeAsync(given, names)].flat();
    const told = outputs.map((o, i) => {
        fs.writeFileSync(path.join(folder, String(i)), Buffer.from(o.dataSync().slice().buffer));
        return { name: names[i], dtype: o.dtype, shape: o.shape };
    });
    fs.writeFileSync(path.join(folder, 'outputs.json'), JSON.stringify({ version: tf.version.tfjs, outputs: told }));
}

main().catch((e) => {
    console.error(String(e && e.stack || e));
    process.exit(1);
});
