// SPDX-License-Identifier: MIT
// Compiler passes for components: a note of the old value before each store to the vault (lib/server/vault_log.c).
//
// `notes` runs over a whole component when nothing else changes it any more but the choice of instructions. Where a
// function stores through a pointer that may lead into the vault, the words are noted before, in line:
//
//     if (pointer >= vault_logged_from) { (*vault_log_end)[0] = {&word, word}; ...; *vault_log_end += n; }
//
// Stores of one block through the same pointer share one test. A word that was noted on every way here is not noted again.
// Left out are stores to the stack, to statics, and to what a function returned of which `vault_fresh` is assumed
// (memory that was free before the step); and those that carry a mark. `outside`, the first pass over a file, gives it
// to the stores of functions with the attribute `noprofile` (STORES_OUTSIDE_VAULT), `unlogged` to all of a file. A mark that
// another pass loses means a note too many.
//
// Rules:
//  - Noted early is noted well: within a step the oldest note of a word counts. So a note may stand before calls that come
//    between it and the store.
//  - It holds until the step's log is emptied, which a call of vault_log_emptied() shows (deleted here): behind anything
//    that may come to one, words are noted anew.
//  - The entries are there before they count, and count before the store is made.
// `check-stores` puts a call of vault_check_store() behind the notes of every store, whoever made it: it asks the log.
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Passes/PassPlugin.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"

using namespace llvm;

namespace {

const int64_t WORD = 8;
const int64_t WORDS_IN_LINE = 8;  // a longer range is noted by a call
const uint64_t BYTES_IN_LINE = 128;  // the compiler makes no call of an intrinsic for so many
const char OUTSIDE[] = "outside_vault";

// What is noted: the eight bytes from base + offset on, wherever they lie. Offsets are multiples of eight, so that stores to
// neighbours meet in one word, which is none of the machine's words when the base is not aligned.
struct Word {
    Value *base;
    int64_t offset;
    bool operator==(const Word &other) const { return base == other.base && offset == other.offset; }
};

// A copied or filled range: an intrinsic, or a call of the library's function of that name.
struct Range {
    StringRef name;  // memcpy, memmove or memset
    Value *to, *from, *length;
    bool is_call;
};

Optional<Range> range_of(Instruction *i)
{
    if (auto *intrinsic = dyn_cast<MemIntrinsic>(i)) {
        StringRef name = isa<MemSetInst>(i) ? "memset" : isa<MemMoveInst>(i) ? "memmove" : "memcpy";
        return Range{name, intrinsic->getRawDest(), intrinsic->getArgOperand(1), intrinsic->getLength(), false};
    }
    auto *call = dyn_cast<CallInst>(i);
    Function *callee = call ? call->getCalledFunction() : nullptr;
    if (!callee || call->arg_size() != 3) return None;
    StringRef name = callee->getName();
    if (name != "memcpy" && name != "memmove" && name != "memset") return None;
    return Range{name, call->getArgOperand(0), call->getArgOperand(1), call->getArgOperand(2), true};
}

// An instruction that stores `bytes` (0: not known) to pointer = base + offset.
struct Store {
    Instruction *at;
    Value *pointer, *base;
    int64_t offset;
    uint64_t bytes;
    SmallVector<Word, 4> words;  // empty: noted by a call
};

// The words that are noted together before an instruction.
struct Note {
    Instruction *before;
    SmallVector<Word, 8> words;
};

// Memory that a rollback need not restore: the stack, statics, what a fixed address outside the vault names, fresh memory.
bool is_outside(Value *pointer)
{
    SmallVector<const Value *, 4> objects;
    getUnderlyingObjects(pointer, objects);
    return all_of(objects, [](const Value *object) {
        if (isa<AllocaInst>(object) || isa<GlobalVariable>(object)) return true;
        auto *call = dyn_cast<CallBase>(object);
        Function *callee = call ? call->getCalledFunction() : nullptr;
        return callee && callee->getFnAttribute("llvm.assume").getValueAsString() == "vault_fresh";
    });
}

struct FunctionNotes {
    Function &function;
    const DataLayout &layout;
    const SmallPtrSetImpl<Function *> &restarting;
    std::vector<Store> stores;
    DenseMap<Instruction *, unsigned> store_at;
    std::vector<Word> words;  // by number
    DenseMap<Value *, SmallVector<unsigned, 4>> words_of;
    std::vector<Note> notes;
    std::vector<Instruction *> unlogged_ranges;

    FunctionNotes(Function &f, const SmallPtrSetImpl<Function *> &r)
        : function(f), layout(f.getParent()->getDataLayout()), restarting(r)
    {
    }

    unsigned number_of(const Word &word)
    {
        for (unsigned number : words_of[word.base])
            if (words[number] == word) return number;
        words.push_back(word);
        words_of[word.base].push_back(words.size() - 1);
        return words.size() - 1;
    }

    // False: it needs no note.
    bool add_store(Instruction *at, Value *pointer, uint64_t bytes)
    {
        if (at->hasMetadata(OUTSIDE) || is_outside(pointer)) return false;
        APInt whole(layout.getIndexTypeSizeInBits(pointer->getType()), 0);
        Value *base = pointer->stripAndAccumulateConstantOffsets(layout, whole, true);
        int64_t offset = whole.getSExtValue(), first = offset & -WORD, end = offset + int64_t(bytes);
        Store store = {at, pointer, base, offset, bytes, {}};
        if (bytes > 0 && end - first <= WORD * WORDS_IN_LINE)
            for (int64_t word = first; word < end; word += WORD) store.words.push_back({base, word});
        store_at[at] = stores.size();
        stores.push_back(store);
        return true;
    }

    void find_stores()
    {
        auto bytes_of = [&](Value *value) { return layout.getTypeStoreSize(value->getType()).getFixedSize(); };
        for (Instruction &i : instructions(function)) {
            if (auto *store = dyn_cast<StoreInst>(&i)) {
                add_store(&i, store->getPointerOperand(), bytes_of(store->getValueOperand()));
            } else if (auto *exchange = dyn_cast<AtomicCmpXchgInst>(&i)) {
                add_store(&i, exchange->getPointerOperand(), bytes_of(exchange->getNewValOperand()));
            } else if (auto *change = dyn_cast<AtomicRMWInst>(&i)) {
                add_store(&i, change->getPointerOperand(), bytes_of(change->getValOperand()));
            } else if (Optional<Range> range = range_of(&i)) {
                auto *length = dyn_cast<ConstantInt>(range->length);
                if (add_store(&i, range->to, length ? length->getZExtValue() : 0)) continue;
                if (!length || range->is_call || length->getZExtValue() > BYTES_IN_LINE) unlogged_ranges.push_back(&i);
            }
        }
    }

    bool may_restart(const Instruction &i) const
    {
        auto *call = dyn_cast<CallBase>(&i);
        if (!call || call->isInlineAsm()) return false;
        Function *callee = call->getCalledFunction();
        return !callee || restarting.count(callee);
    }

    // What holds behind the instruction of what held before it.
    void pass(const Instruction &i, BitVector &noted)
    {
        if (may_restart(i)) noted.reset();
        auto own = words_of.find(&i);  // the pointer is another one from here on
        if (own != words_of.end())
            for (unsigned number : own->second) noted.reset(number);
        auto store = store_at.find(&i);
        if (store != store_at.end())
            for (const Word &word : stores[store->second].words) noted.set(number_of(word));
    }

    std::vector<BitVector> find_noted(const std::vector<BasicBlock *> &blocks, DenseMap<BasicBlock *, unsigned> &index)
    {
        for (const Store &store : stores)
            for (const Word &word : store.words) (void)number_of(word);
        std::vector<BitVector> in(blocks.size(), BitVector(words.size(), true)), out = in;
        in[0].reset();
        for (bool changed = true; changed;) {
            changed = false;
            for (unsigned b = 0; b < blocks.size(); b++) {
                BitVector noted(words.size(), b != 0);
                for (BasicBlock *before : predecessors(blocks[b]))
                    if (index.count(before)) noted &= out[index[before]];
                in[b] = noted;
                for (Instruction &i : *blocks[b]) pass(i, noted);
                if (noted != out[b]) changed = true;
                out[b] = noted;
            }
        }
        return in;
    }

    // What of the block's further stores through the same pointer is noted with this one.
    Note gather(const Store &first, const BitVector &noted)
    {
        Note note = {first.at, {}};
        for (Instruction *i = first.at; i; i = i->getNextNode()) {
            auto store = store_at.find(i);
            if (store != store_at.end() && stores[store->second].base == first.base) {
                SmallVector<Word, 8> more;
                for (const Word &word : stores[store->second].words)
                    if (!noted.test(number_of(word)) && !is_contained(note.words, word)) more.push_back(word);
                if (i != first.at && int64_t(note.words.size() + more.size()) > WORDS_IN_LINE) break;
                note.words.append(more);
            }
            if (may_restart(*i)) break;
        }
        return note;
    }

    void choose()
    {
        ReversePostOrderTraversal<Function *> order(&function);
        std::vector<BasicBlock *> blocks(order.begin(), order.end());
        DenseMap<BasicBlock *, unsigned> index;
        for (unsigned b = 0; b < blocks.size(); b++) index[blocks[b]] = b;
        std::vector<BitVector> in = find_noted(blocks, index);
        for (unsigned b = 0; b < blocks.size(); b++) {
            BitVector noted = in[b];
            for (Instruction &i : *blocks[b]) {
                auto found = store_at.find(&i);
                if (found != store_at.end()) {
                    const Store &store = stores[found->second];
                    Note note = gather(store, noted);
                    notes.push_back(note);
                    for (const Word &word : note.words) noted.set(number_of(word));
                }
                pass(i, noted);
            }
        }
    }

    void note_words(const Note &note)
    {
        Module *module = function.getParent();
        IRBuilder<> b(note.before);
        Type *word_type = b.getInt64Ty();
        PointerType *entries = word_type->getPointerTo();
        Value *base = note.words[0].base;
        int64_t low = 0;
        for (const Word &word : note.words) low = std::min(low, word.offset);
        auto address = [&](int64_t offset) {
            Value *bytes = b.CreateBitCast(base, b.getInt8PtrTy());
            return b.CreatePtrToInt(offset ? b.CreateConstGEP1_64(b.getInt8Ty(), bytes, offset) : bytes, word_type);
        };
        Value *from = b.CreateLoad(word_type, module->getNamedGlobal("vault_logged_from"));
        Value *is_logged = b.CreateICmpUGE(address(low), from);
        Instruction *then = SplitBlockAndInsertIfThen(is_logged, note.before, false);
        b.SetInsertPoint(then);
        b.SetCurrentDebugLocation(note.before->getDebugLoc());
        Value *end_at = b.CreateLoad(
            entries->getPointerTo(),
            b.CreateBitCast(module->getNamedGlobal("vault_log_end"), entries->getPointerTo()->getPointerTo()));
        Value *entry = b.CreateLoad(entries, end_at);
        unsigned n = 0;
        for (const Word &word : note.words) {
            Value *at = address(word.offset);
            Value *old = b.CreateLoad(word_type, b.CreateIntToPtr(at, entries));
            b.CreateStore(at, b.CreateConstGEP1_64(word_type, entry, n++));
            b.CreateStore(old, b.CreateConstGEP1_64(word_type, entry, n++));
        }
        barrier(b);
        Value *counted = b.CreateLoad(entries, end_at);
        b.CreateStore(b.CreateConstGEP1_64(word_type, counted, n), end_at);
        barrier(b);
    }

    static void barrier(IRBuilder<> &b) { b.CreateFence(AtomicOrdering::SequentiallyConsistent, SyncScope::SingleThread); }

    void call_range(Instruction *at, const Range &range, const Twine &name)
    {
        IRBuilder<> b(at);
        Type *bytes = b.getInt8PtrTy(), *word = b.getInt64Ty();
        Value *to = b.CreateBitCast(range.to, bytes);
        Value *from = range.from->getType()->isPointerTy() ? b.CreateBitCast(range.from, bytes)
                                                           : b.CreateZExtOrTrunc(range.from, b.getInt32Ty());
        SmallString<16> text;
        FunctionCallee function_of_range = function.getParent()->getOrInsertFunction(name.toStringRef(text), bytes, bytes,
                                                                                     from->getType(), word);
        b.CreateCall(function_of_range, {to, from, b.CreateZExtOrTrunc(range.length, word)});
        at->replaceAllUsesWith(to);
        at->eraseFromParent();
    }

    // A call whose words are noted here.
    void make_intrinsic(Instruction *at, const Range &range)
    {
        IRBuilder<> b(at);
        if (range.name == "memset")
            b.CreateMemSet(range.to, b.CreateTrunc(range.from, b.getInt8Ty()), range.length, MaybeAlign());
        else if (range.name == "memmove")
            b.CreateMemMove(range.to, MaybeAlign(), range.from, MaybeAlign(), range.length);
        else
            b.CreateMemCpy(range.to, MaybeAlign(), range.from, MaybeAlign(), range.length);
        at->replaceAllUsesWith(range.to);
        at->eraseFromParent();
    }

    // What is long, or of a length that is known only then, is noted by a call; ranges by the library's memory functions.
    void note_by_call(const Store &store)
    {
        if (Optional<Range> range = range_of(store.at)) return call_range(store.at, *range, range->name);
        IRBuilder<> b(store.at);
        Type *bytes = b.getInt8PtrTy(), *word = b.getInt64Ty();
        b.CreateCall(function.getParent()->getOrInsertFunction("vault_log", b.getVoidTy(), bytes, word),
                     {b.CreateBitCast(store.pointer, bytes), b.getInt64(store.bytes)});
    }

    void run()
    {
        find_stores();
        choose();
        for (const Note &note : notes)
            if (!note.words.empty()) note_words(note);
        for (const Store &store : stores) {
            Optional<Range> range = range_of(store.at);
            if (store.words.empty())
                note_by_call(store);
            else if (range && range->is_call)
                make_intrinsic(store.at, *range);
        }
        for (Instruction *at : unlogged_ranges) call_range(at, *range_of(at), "rt_" + range_of(at)->name);
    }
};

// Functions behind whose call words may have to be noted anew.
void find_restarting(Module &module, Function *mark, SmallPtrSetImpl<Function *> &restarting)
{
    if (mark) restarting.insert(mark);
    for (bool changed = true; changed;) {
        changed = false;
        for (Function &f : module) {
            if (restarting.count(&f)) continue;
            for (Instruction &i : instructions(f)) {
                auto *call = dyn_cast<CallBase>(&i);
                if (!call || call->isInlineAsm()) continue;
                if (call->getCalledFunction() && !restarting.count(call->getCalledFunction())) continue;
                restarting.insert(&f);
                changed = true;
                break;
            }
        }
    }
}

void remove_calls(Function *mark)
{
    while (mark && !mark->use_empty()) cast<CallInst>(mark->user_back())->eraseFromParent();
}

struct Notes : PassInfoMixin<Notes> {
    PreservedAnalyses run(Module &module, ModuleAnalysisManager &)
    {
        if (!module.getNamedGlobal("vault_logged_from")) return PreservedAnalyses::all();  // it has no vault
        Function *mark = module.getFunction("vault_log_emptied");
        SmallPtrSet<Function *, 32> restarting;
        find_restarting(module, mark, restarting);
        for (Function &f : module)
            if (!f.isDeclaration()) FunctionNotes(f, restarting).run();
        remove_calls(mark);
        return PreservedAnalyses::none();
    }
};

void mark_outside(Function &f)
{
    for (Instruction &i : instructions(f))
        if (isa<StoreInst>(i) || isa<MemIntrinsic>(i)) i.setMetadata(OUTSIDE, MDNode::get(f.getContext(), {}));
}

// The marks of functions that say so themselves.
struct Outside : PassInfoMixin<Outside> {
    PreservedAnalyses run(Module &module, ModuleAnalysisManager &)
    {
        for (Function &f : module) {
            if (!f.hasFnAttribute(Attribute::NoProfile)) continue;
            mark_outside(f);
            f.removeFnAttr(Attribute::NoProfile);
        }
        return PreservedAnalyses::none();
    }
};

// Those of a whole file.
struct Unlogged : PassInfoMixin<Unlogged> {
    PreservedAnalyses run(Module &module, ModuleAnalysisManager &)
    {
        for (Function &f : module) mark_outside(f);
        return PreservedAnalyses::none();
    }
};

// Every store of every function, for the test of all this.
struct CheckStores : PassInfoMixin<CheckStores> {
    PreservedAnalyses run(Module &module, ModuleAnalysisManager &)
    {
        Type *word = Type::getInt64Ty(module.getContext()), *bytes = Type::getInt8PtrTy(module.getContext());
        FunctionCallee check =
            module.getOrInsertFunction("vault_check_store", Type::getVoidTy(module.getContext()), bytes, word);
        for (Function &f : module) {
            for (Instruction &i : instructions(f)) {
                Value *pointer = nullptr, *length = nullptr;
                IRBuilder<> b(&i);
                if (auto *store = dyn_cast<StoreInst>(&i)) {
                    pointer = store->getPointerOperand();
                    length = b.getInt64(module.getDataLayout().getTypeStoreSize(store->getValueOperand()->getType()));
                } else if (auto *range = dyn_cast<MemIntrinsic>(&i)) {
                    pointer = range->getRawDest();
                    length = b.CreateZExtOrTrunc(range->getLength(), word);
                }
                if (!pointer) continue;
                const Value *object = getUnderlyingObject(pointer);
                if (isa<AllocaInst>(object) || isa<GlobalVariable>(object)) continue;
                b.CreateCall(check, {b.CreateBitCast(pointer, bytes), length});
            }
        }
        return PreservedAnalyses::none();
    }
};

}  // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo llvmGetPassPluginInfo()
{
    return {LLVM_PLUGIN_API_VERSION, "notes", "1", [](PassBuilder &builder) {
                builder.registerPipelineStartEPCallback(
                    [](ModulePassManager &passes, OptimizationLevel) { passes.addPass(Outside()); });
                builder.registerPipelineParsingCallback(
                    [](StringRef name, ModulePassManager &passes, ArrayRef<PassBuilder::PipelineElement>) {
                        if (name == "notes") passes.addPass(Notes());
                        else if (name == "unlogged") passes.addPass(Unlogged());
                        else if (name == "check-stores") passes.addPass(CheckStores());
                        else return false;
                        return true;
                    });
            }};
}
