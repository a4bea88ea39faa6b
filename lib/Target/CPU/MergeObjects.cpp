//===- MergeObjects.cpp - One object file of several -*- C++ -*-===//
//
// Part of the attn project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "attn/Target/CPU/MergeObjects.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/MC/StringTableBuilder.h"
#include "llvm/Object/ELF.h"

using namespace llvm;
using ELFT = object::ELF64LE;

static Error makeError(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message);
}

namespace {
struct Relocation {
  ELFT::Rela entry;
  unsigned part; ///< Whose symbols it means.
};

struct Section {
  ELFT::Shdr header;
  std::string name;
  std::string contents; ///< None where only memory is reserved.
  std::vector<Relocation> relocations;
};

struct Symbol {
  ELFT::Sym entry;
  StringRef name;
  unsigned index = 0; ///< In the table that is written.
};

/// The symbols of a part by their index there, as positions among all of them.
using Part = std::vector<size_t>;

/// Where a section of a part went.
struct Place {
  unsigned section = 0;
  uint64_t offset = 0;
};

class Merger {
public:
  Error add(StringRef bytes);
  Error resolve();
  SmallVector<char, 0> write();

private:
  Error addSections(const object::ELFFile<ELFT> &file,
                    std::vector<Place> &places);
  Place addSection(const ELFT::Shdr &header, StringRef name,
                   StringRef contents);
  Error addRelocations(const object::ELFFile<ELFT> &file,
                       ArrayRef<Place> places);
  Error addSymbols(const object::ELFFile<ELFT> &file, const ELFT::Shdr &table,
                   ArrayRef<Place> places);
  void numberSymbols();
  void writeRelocations();
  void writeTables();
  unsigned append(unsigned type, std::string name, std::string contents);

  ELFT::Ehdr header;
  std::vector<Part> parts;
  std::vector<Section> sections;
  std::vector<Symbol> symbols;
  unsigned numLocals = 0;
};
} // namespace

/// Sections side by side, but for call frames, which readers expect in one.
Place Merger::addSection(const ELFT::Shdr &header, StringRef name,
                         StringRef contents) {
  if (name == ".eh_frame")
    for (auto [index, section] : enumerate(sections))
      if (section.name == name) {
        uint64_t offset = section.contents.size();
        section.contents += contents;
        return {unsigned(index), offset};
      }
  sections.push_back({header, name.str(), contents.str(), {}});
  return {unsigned(sections.size() - 1), 0};
}

Error Merger::addSections(const object::ELFFile<ELFT> &file,
                          std::vector<Place> &places) {
  for (const ELFT::Shdr &header : cantFail(file.sections())) {
    places.emplace_back();
    // Written anew.
    if (is_contained(
            {ELF::SHT_NULL, ELF::SHT_SYMTAB, ELF::SHT_STRTAB, ELF::SHT_RELA},
            unsigned(header.sh_type)))
      continue;
    // Others refer to symbols or to sections in ways of their own.
    if (!is_contained({ELF::SHT_PROGBITS, ELF::SHT_NOBITS, ELF::SHT_NOTE,
                       ELF::SHT_X86_64_UNWIND},
                      unsigned(header.sh_type)))
      return makeError("a section of type " + Twine(header.sh_type));
    auto name = file.getSectionName(header);
    if (!name)
      return name.takeError();
    Expected<ArrayRef<uint8_t>> contents = ArrayRef<uint8_t>();
    if (header.sh_type != ELF::SHT_NOBITS)
      contents = file.getSectionContents(header);
    if (!contents)
      return contents.takeError();
    places.back() = addSection(header, *name, toStringRef(*contents));
  }
  return Error::success();
}

Error Merger::addRelocations(const object::ELFFile<ELFT> &file,
                             ArrayRef<Place> places) {
  for (const ELFT::Shdr &header : cantFail(file.sections())) {
    if (header.sh_type != ELF::SHT_RELA)
      continue;
    auto entries = file.relas(header);
    if (!entries)
      return entries.takeError();
    Place place = places[header.sh_info];
    for (ELFT::Rela entry : *entries) {
      entry.r_offset = entry.r_offset + place.offset;
      sections[place.section].relocations.push_back(
          {entry, unsigned(parts.size() - 1)});
    }
  }
  return Error::success();
}

Error Merger::addSymbols(const object::ELFFile<ELFT> &file,
                         const ELFT::Shdr &table, ArrayRef<Place> places) {
  auto entries = file.symbols(&table);
  auto names = file.getStringTableForSymtab(table);
  if (!entries)
    return entries.takeError();
  if (!names)
    return names.takeError();
  for (const ELFT::Sym &entry : *entries) {
    auto name = entry.getName(*names);
    if (!name)
      return name.takeError();
    parts.back().push_back(symbols.size());
    symbols.push_back({entry, *name});
    unsigned section = entry.st_shndx;
    if (section == ELF::SHN_XINDEX)
      return makeError("too many sections");
    if (section == ELF::SHN_UNDEF || section >= ELF::SHN_LORESERVE)
      continue;
    ELFT::Sym &moved = symbols.back().entry;
    moved.st_shndx = places[section].section;
    moved.st_value = moved.st_value + places[section].offset;
  }
  return Error::success();
}

Error Merger::add(StringRef bytes) {
  auto file = object::ELFFile<ELFT>::create(bytes);
  if (!file)
    return file.takeError();
  auto headers = file->sections();
  if (!headers)
    return headers.takeError();
  if (parts.empty()) {
    header = file->getHeader();
    sections.push_back({headers->front(), "", "", {}}); // null
  }
  parts.emplace_back();
  std::vector<Place> places;
  if (Error error = addSections(*file, places))
    return error;
  if (Error error = addRelocations(*file, places))
    return error;
  for (const ELFT::Shdr &header : *headers)
    if (header.sh_type == ELF::SHT_SYMTAB)
      return addSymbols(*file, header, places);
  return makeError("an object without symbols");
}

/// Lets what is missing be what another part defines, or else one symbol for
/// all parts that lack it.
Error Merger::resolve() {
  StringMap<size_t> known;
  for (bool defined : {true, false}) {
    for (Part &part : parts) {
      for (size_t &symbol : part) {
        const Symbol &candidate = symbols[symbol];
        if (candidate.name.empty() || candidate.entry.isDefined() != defined ||
            candidate.entry.getType() == ELF::STT_FILE)
          continue;
        auto [place, isNew] = known.try_emplace(candidate.name, symbol);
        if (defined && !isNew &&
            candidate.entry.getBinding() == ELF::STB_GLOBAL)
          return makeError("'" + candidate.name + "' is defined twice");
        if (!defined)
          symbol = place->second;
      }
    }
  }
  return Error::success();
}

/// Local symbols come first.
void Merger::numberSymbols() {
  std::vector<bool> used(symbols.size());
  for (const Part &part : parts)
    for (size_t symbol : drop_begin(part))
      used[symbol] = true;
  unsigned next = 1;
  for (bool local : {true, false}) {
    for (auto [index, symbol] : enumerate(symbols))
      if (used[index] && (symbol.entry.getBinding() == ELF::STB_LOCAL) == local)
        symbol.index = next++;
    if (local)
      numLocals = next;
  }
}

unsigned Merger::append(unsigned type, std::string name, std::string contents) {
  Section section{{}, std::move(name), std::move(contents), {}};
  std::memset(&section.header, 0, sizeof(section.header));
  section.header.sh_type = type;
  section.header.sh_addralign = 1;
  sections.push_back(std::move(section));
  return sections.size() - 1;
}

template <typename Entry>
static std::string getBytes(ArrayRef<Entry> entries) {
  return std::string(reinterpret_cast<const char *>(entries.data()),
                     entries.size() * sizeof(Entry));
}

/// Each table of relocations follows all sections that have some.
void Merger::writeRelocations() {
  unsigned count = sections.size();
  for (unsigned index = 0; index < count; ++index) {
    std::vector<ELFT::Rela> entries;
    for (Relocation &relocation : sections[index].relocations) {
      ELFT::Rela entry = relocation.entry;
      size_t old = entry.getSymbol(/*isMips64EL=*/false);
      unsigned now = old ? symbols[parts[relocation.part][old]].index : 0;
      entry.setSymbolAndType(now, entry.getType(/*isMips64EL=*/false),
                             /*IsMips64EL=*/false);
      entries.push_back(entry);
    }
    if (entries.empty())
      continue;
    unsigned table = append(ELF::SHT_RELA, ".rela" + sections[index].name,
                            getBytes(ArrayRef<ELFT::Rela>(entries)));
    ELFT::Shdr &header = sections[table].header;
    header.sh_flags = ELF::SHF_INFO_LINK;
    header.sh_info = index;
    header.sh_addralign = alignof(uint64_t);
    header.sh_entsize = sizeof(ELFT::Rela);
  }
}

/// Writes the symbols, and the names of symbols and sections.
void Merger::writeTables() {
  unsigned symbolTable = append(ELF::SHT_SYMTAB, ".symtab", "");
  unsigned nameTable = append(ELF::SHT_STRTAB, ".strtab", "");
  StringTableBuilder names(StringTableBuilder::ELF);
  for (const Symbol &symbol : symbols)
    names.add(symbol.name);
  for (const Section &section : sections)
    names.add(section.name);
  names.finalizeInOrder();
  std::vector<ELFT::Sym> entries(symbols.size());
  std::memset(entries.data(), 0, sizeof(ELFT::Sym));
  unsigned count = 1;
  for (const Symbol &symbol : symbols) {
    if (!symbol.index)
      continue;
    entries[symbol.index] = symbol.entry;
    entries[symbol.index].st_name = names.getOffset(symbol.name);
    ++count;
  }
  entries.resize(count);
  sections[symbolTable].contents = getBytes(ArrayRef<ELFT::Sym>(entries));
  ELFT::Shdr &header = sections[symbolTable].header;
  header.sh_link = nameTable;
  header.sh_info = numLocals;
  header.sh_addralign = alignof(uint64_t);
  header.sh_entsize = sizeof(ELFT::Sym);
  raw_string_ostream stream(sections[nameTable].contents);
  names.write(stream);
  for (Section &section : drop_begin(sections)) {
    section.header.sh_name = names.getOffset(section.name);
    if (section.header.sh_type == ELF::SHT_RELA)
      section.header.sh_link = symbolTable;
  }
}

SmallVector<char, 0> Merger::write() {
  numberSymbols();
  writeRelocations();
  writeTables();
  SmallVector<char, 0> bytes(sizeof(ELFT::Ehdr));
  auto align = [&](uint64_t to) { bytes.resize(alignTo(bytes.size(), to)); };
  for (Section &section : drop_begin(sections)) {
    align(std::max<uint64_t>(section.header.sh_addralign, 1));
    section.header.sh_offset = bytes.size();
    if (section.header.sh_type != ELF::SHT_NOBITS)
      section.header.sh_size = section.contents.size();
    bytes.append(section.contents.begin(), section.contents.end());
  }
  align(alignof(uint64_t));
  header.e_shoff = bytes.size();
  header.e_shnum = sections.size();
  header.e_shstrndx = sections.size() - 1;
  for (const Section &section : sections) {
    auto *begin = reinterpret_cast<const char *>(&section.header);
    bytes.append(begin, begin + sizeof(ELFT::Shdr));
  }
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

Expected<SmallVector<char, 0>>
mlir::attn::mergeObjects(ArrayRef<StringRef> parts) {
  Merger merger;
  for (StringRef part : parts)
    if (Error error = merger.add(part))
      return makeError("cannot merge objects: " + toString(std::move(error)));
  if (Error error = merger.resolve())
    return makeError("cannot merge objects: " + toString(std::move(error)));
  return merger.write();
}
